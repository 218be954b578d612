import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { HostState } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { InstanceState, PowerState, RestartPolicy } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { findContainer } from "../../../services/common/engine/api/containers.ts";
import { startEngine, type TestEngine } from "../../support/engine.ts";
import { failure, TestCompute } from "./support/compute.ts";

let engine: TestEngine;
let compute: TestCompute;
before(async () => {
  engine = await startEngine();
  compute = await TestCompute.start({ engineSocket: engine.socketPath });
});
after(async () => {
  await compute?.[Symbol.asyncDispose]();
  await engine?.stop();
});

async function settled(id: string) {
  const instance = await compute.get(id);
  const container = await findContainer(compute.engine, compute.containerName(id));
  return {
    state: instance.status?.state,
    engineState: container?.State.Status,
    address: container?.NetworkSettings.Networks[compute.network]?.IPAddress,
    container: container?.Id,
  };
}

test("after a loss of power instances are what they were, at their addresses", async () => {
  const always = await compute.created("always");
  await compute.created("resting");
  await compute.verb("stop", "resting");
  await compute.created("once", { restartPolicy: RestartPolicy.RESTART_POLICY_NEVER });
  const before = await settled("always");
  assert.equal(before.address, always.reservation?.ipv4);

  await engine.powerOff();
  await compute.kill("SIGKILL");
  await engine.start();
  await compute.startProcess();

  const expected: [string, InstanceState, string][] = [
    ["always", InstanceState.INSTANCE_STATE_RUNNING, "running"],
    ["resting", InstanceState.INSTANCE_STATE_STOPPED, "exited"],
    ["once", InstanceState.INSTANCE_STATE_FAILED, "exited"],
  ];
  for (const [id, state, engineState] of expected) {
    const is = async () => {
      const now = await settled(id);
      return now.state === state && now.engineState === engineState;
    };
    await compute.until(`${id} is ${engineState} again`, is, 30_000);
  }
  assert.deepEqual(await settled("always"), before);
  assert.equal((await compute.get("resting")).spec?.power, PowerState.POWER_STATE_STOPPED);
});

test("while the engine is away nothing new is placed, what runs is left alone, and a stop waits for it", async () => {
  const { container } = await settled("always");
  await engine.kill();
  await compute.until("the host says so", async () => (await hostState()) === HostState.HOST_STATE_DEGRADED);
  assert.equal((await failure(compute.create("homeless"))).reason, "HOST_NOT_READY");
  const stopping = compute.verb("stop", "always");
  await engine.start();
  assert.equal((await stopping).status?.state, InstanceState.INSTANCE_STATE_STOPPED);
  await compute.until("the host is ready", async () => (await hostState()) === HostState.HOST_STATE_READY);
  assert.equal((await settled("always")).container, container);
});

const hostState = async () => (await compute.getHost())?.status?.state;
