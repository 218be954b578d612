import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import { failure, TestCompute } from "./support/compute.ts";

const MIB = 1n << 20n;
let compute: TestCompute;
before(async () => {
  compute = await TestCompute.start();
});
after(() => compute?.[Symbol.asyncDispose]());

/** A limit as the kernel has it for the container's main process. */
async function kernelLimit(id: string, controller: string, v1: string, v2: string): Promise<string> {
  const { State: state } = await inspectContainer(compute.engine, compute.containerName(id));
  const lines = (await readFile(`/proc/${state.Pid}/cgroup`, "utf8")).split("\n");
  const own = lines.find((line) => line.split(":")[1]?.split(",").includes(controller));
  const unified = lines.find((line) => line.startsWith("0::"));
  const path = own
    ? `/sys/fs/cgroup/${controller}${own.split(":")[2]}/${v1}`
    : `/sys/fs/cgroup${unified!.slice("0::".length)}/${v2}`;
  return (await readFile(path, "utf8")).trim();
}

test("limits change while it runs, and the kernel has them", async () => {
  const made = await compute.created("grow", { memoryBytes: 64n * MIB, cpuMillis: 500n, pidsMax: 50n });
  const pid = async () => (await inspectContainer(compute.engine, compute.containerName("grow"))).State.Pid;
  const before = await pid();
  const sizes: [bigint, bigint, bigint][] = [
    [256n, 750n, 100n],
    [32n, 250n, 20n],
    [512n, 1000n, 200n],
  ];
  for (const [mib, cpuMillis, pidsMax] of sizes) {
    const resized = await compute.verb("resize", "grow", { memoryBytes: mib * MIB, cpuMillis, pidsMax });
    assert.equal(resized.spec?.memoryBytes, mib * MIB);
    assert.equal(resized.status?.state, InstanceState.INSTANCE_STATE_RUNNING);
    assert.equal(await kernelLimit("grow", "memory", "memory.limit_in_bytes", "memory.max"), String(mib * MIB));
    assert.equal(await kernelLimit("grow", "pids", "pids.max", "pids.max"), String(pidsMax));
    const [quota] = (await kernelLimit("grow", "cpu", "cpu.cfs_quota_us", "cpu.max")).split(" ");
    assert.equal(quota, String(cpuMillis * 100n));
  }
  assert.equal(await pid(), before, "it was not restarted");
  assert.equal((await compute.get("grow")).meta?.generation, made.meta!.generation + 3n);

  const free = await compute.verb("resize", "grow", { memoryBytes: 0n, pidsMax: 0n, cpuMillis: 0n });
  assert.deepEqual([free.spec?.memoryBytes, free.spec?.pidsMax, free.spec?.cpuMillis], [0n, 0n, 0n]);
  assert.equal(await kernelLimit("grow", "pids", "pids.max", "pids.max"), "max");
});

test("what is not given stays; a stopped one keeps its new size when it starts", async () => {
  await compute.created("later", { memoryBytes: 64n * MIB });
  await compute.verb("stop", "later");
  const resized = await compute.verb("resize", "later", { memoryBytes: 128n * MIB });
  assert.equal(resized.status?.state, InstanceState.INSTANCE_STATE_STOPPED);
  await compute.verb("start", "later");
  assert.equal(await kernelLimit("later", "memory", "memory.limit_in_bytes", "memory.max"), String(128n * MIB));
});

test("sizes that can't be are refused, with every one of them", async () => {
  await compute.created("fixed");
  const error = await failure(compute.verb("resize", "fixed", { cpuMillis: 5n, memoryBytes: 1n << 50n, pidsMax: -1n }));
  assert.deepEqual(error.violations.map(({ field }) => field).toSorted(), ["cpu_millis", "memory_bytes", "pids_max"]);
  assert.equal((await failure(compute.verb("resize", "fixed"))).reason, "INVALID_ARGUMENT");
});

test("a resize that the engine refuses leaves spec and limits as they were", async () => {
  // More is in use than the new limit: the kernel does not take it.
  const command = [
    "/bin/sh",
    "-c",
    "head -c 60m /dev/zero > /dev/shm/fill; trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done",
  ];
  await compute.created("full", { command, memoryBytes: 256n * MIB });
  await compute.until("it holds memory", async () => {
    return Number(await kernelLimit("full", "memory", "memory.usage_in_bytes", "memory.current")) > 50 * 1024 * 1024;
  });
  const error = await failure(compute.verb("resize", "full", { memoryBytes: 8n * MIB }));
  assert.equal(error.reason, "RESIZE_REFUSED");
  const instance = await compute.get("full");
  assert.equal(instance.spec?.memoryBytes, 256n * MIB);
  assert.equal(instance.status?.state, InstanceState.INSTANCE_STATE_RUNNING);
  assert.equal(await kernelLimit("full", "memory", "memory.limit_in_bytes", "memory.max"), String(256n * MIB));
});
