import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { InstanceState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import { TestCompute } from "./support/compute.ts";

let compute: TestCompute;
before(async () => {
  compute = await TestCompute.start();
});
after(() => compute?.[Symbol.asyncDispose]());

test("an instance is created, stopped, started and deleted", async () => {
  const instance = await compute.created("web", { cpuMillis: 500n, memoryBytes: 64n << 20n, pidsMax: 100n });
  assert.equal(instance.status?.state, InstanceState.INSTANCE_STATE_RUNNING);
  assert.equal(instance.meta?.operation, "");
  const container = await inspectContainer(compute.engine, compute.containerName("web"));
  assert.equal(container.State.Running, true);
  assert.equal(container.NetworkSettings.Networks[compute.network]?.IPAddress, instance.reservation?.ipv4);
  assert.equal((await compute.verb("stop", "web")).status?.state, InstanceState.INSTANCE_STATE_STOPPED);
  assert.equal((await compute.verb("start", "web")).status?.state, InstanceState.INSTANCE_STATE_RUNNING);
  await compute.delete("web");
  assert.deepEqual(await compute.leftOnEngine(), []);
});
