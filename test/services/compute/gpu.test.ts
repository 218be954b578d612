import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import { addMadeUpGpus, type MadeUpGpus } from "../../support/made-up-gpus.ts";
import { failure, TestCompute } from "./support/compute.ts";

const DEVICES = 3;

let vendor: MadeUpGpus;
let kind: string;
let compute: TestCompute;
before(async () => {
  vendor = await addMadeUpGpus(DEVICES);
  ({ kind } = vendor);
  compute = await TestCompute.start();
  await compute.until("the devices are known", async () => {
    const host = await compute.getHost();
    return host?.status?.gpus.filter((gpu) => gpu.kind === kind).length === DEVICES;
  });
});
after(async () => {
  await vendor?.remove();
  await compute?.[Symbol.asyncDispose]();
});

const holders = async () => {
  const host = await compute.getHost();
  const own = host!.status!.gpus.filter((gpu) => gpu.kind === kind);
  return Object.fromEntries(own.map((gpu) => [gpu.id.split("=")[1], gpu.instances.map((name) => name.split("/")[3])]));
};

test("devices are given to one instance each, shown, and given back", async () => {
  const one = await compute.created("one", { gpus: [{ kind, count: 2, ids: [], shared: false }] });
  assert.deepEqual(one.status?.gpus, [`${kind}=0`, `${kind}=1`]);
  const container = await inspectContainer(compute.engine, compute.containerName("one"));
  assert.deepEqual(container.HostConfig.DeviceRequests?.[0]?.DeviceIDs, one.status.gpus);
  assert.equal(one.status.state, InstanceState.INSTANCE_STATE_RUNNING);
  await compute.until("the host shows who holds them", async () => (await holders())["0"]?.[0] === "one");

  const error = await failure(compute.created("two", { gpus: [{ kind, count: 2, ids: [], shared: false }] }));
  assert.equal(error.reason, "NO_HOST_FITS");
  const taken = await failure(
    compute.created("two", { gpus: [{ kind: "", count: 0, ids: [`${kind}=1`], shared: true }] }),
  );
  assert.equal(taken.reason, "NO_HOST_FITS");
  assert.match(taken.message, /held by another/);

  await compute.delete("one");
  await compute.until("they are free again", async () => (await holders())["0"]?.length === 0);
});

test("shared devices may be shared by those who ask so", async () => {
  const gpus = [{ kind: "", count: 0, ids: [`${kind}=2`], shared: true }];
  await Promise.all([compute.created("a", { gpus }), compute.created("b", { gpus })]);
  await compute.until("both hold it", async () => (await holders())["2"]?.length === 2);
  const alone = await failure(compute.created("c", { gpus: [{ ...gpus[0], shared: false }] }));
  assert.equal(alone.reason, "NO_HOST_FITS");
});

test("many at once never get the same device", async () => {
  const before = Object.values(await holders()).flat().length;
  const gpus = [{ kind, count: 1, ids: [], shared: false }];
  const all = await Promise.allSettled(Array.from({ length: 5 }, (_, i) => compute.created(`race${i}`, { gpus })));
  const given = all.flatMap((each) => (each.status === "fulfilled" ? each.value.status!.gpus : []));
  assert.equal(new Set(given).size, given.length);
  assert.equal(given.length, 2, `${before} were held before`);
});

test("devices that no host has are faults of the request", async () => {
  const gpus = [
    { kind: "no-such.example/gpu", count: 1, ids: [], shared: false },
    { kind, count: 4, ids: [], shared: false },
    { kind: "", count: 0, ids: [`${kind}=9`], shared: false },
  ];
  const error = await failure(compute.created("nowhere", { gpus }));
  assert.deepEqual(
    error.violations.map(({ field }) => field),
    ["instance.spec.gpus[0].kind", "instance.spec.gpus[1].count", "instance.spec.gpus[2].ids[0]"],
  );
});
