import assert from "node:assert/strict";
import { test } from "node:test";
import { ConditionStatus } from "../../../../proto/gen/gantry/common/v1/meta.ts";
import {
  InnerEngine,
  Instance,
  InstanceState as S,
  PowerState,
} from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { type ContainerState, UNDETAILED } from "../../../../services/common/engine/state.ts";
import { CONDITION_CRASH_LOOP } from "../../../../services/compute/observe/crash-loop.ts";
import {
  CONDITION_CONTAINER_RUNNING,
  CONDITION_INNER_ENGINE_READY,
  CONDITION_LIMITS_VISIBLE,
  observedStatus,
  settledStatus,
} from "../../../../services/compute/observe/instance-status.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const LATER = new Date("2026-01-01T00:01:00Z");

interface Given {
  state?: S;
  operation?: string;
  power?: PowerState;
  inner?: boolean;
  containerId?: string;
}

function instance({
  state = S.INSTANCE_STATE_RUNNING,
  operation = "",
  power = PowerState.POWER_STATE_RUNNING,
  inner = false,
  containerId = "c1",
}: Given = {}): Instance {
  return Instance.fromPartial({
    meta: { name: "projects/p/instances/i", uid: "u", operation },
    spec: {
      power,
      innerEngine: inner ? InnerEngine.INNER_ENGINE_ENABLED : InnerEngine.INNER_ENGINE_DISABLED,
      networks: ["extra"],
    },
    status: { state, containerId },
  });
}

function container(more: Partial<ContainerState> = {}): ContainerState {
  return { ...UNDETAILED, id: "c1", name: "p.i", image: "i", state: "running", labels: {}, detailed: true, ...more };
}

const stopped = { power: PowerState.POWER_STATE_STOPPED };
const STATES: [string, Given, ContainerState | undefined, boolean, S][] = [
  ["runs", {}, container(), false, S.INSTANCE_STATE_RUNNING],
  ["runs, its inner engine does not answer", { inner: true }, container(), false, S.INSTANCE_STATE_STARTING],
  ["runs, its inner engine answers", { inner: true }, container(), true, S.INSTANCE_STATE_RUNNING],
  ["is paused", {}, container({ state: "paused" }), false, S.INSTANCE_STATE_PAUSED],
  [
    "is started again by the engine",
    {},
    container({ state: "restarting", exitCode: 1 }),
    false,
    S.INSTANCE_STATE_STARTING,
  ],
  ["was made and not started", {}, container({ state: "created" }), false, S.INSTANCE_STATE_STOPPED],
  ["could not be started", {}, container({ state: "created", error: "no such file" }), false, S.INSTANCE_STATE_FAILED],
  ["ended well", {}, container({ state: "exited" }), false, S.INSTANCE_STATE_STOPPED],
  ["ended badly", {}, container({ state: "exited", exitCode: 1 }), false, S.INSTANCE_STATE_FAILED],
  ["was stopped as wanted", stopped, container({ state: "exited", exitCode: 137 }), false, S.INSTANCE_STATE_STOPPED],
  [
    "ran out of memory",
    {},
    container({ state: "exited", exitCode: 137, oomKilled: true }),
    false,
    S.INSTANCE_STATE_FAILED,
  ],
  ["is gone", {}, undefined, false, S.INSTANCE_STATE_LOST],
  ["never was", { state: S.INSTANCE_STATE_FAILED, containerId: "" }, undefined, false, S.INSTANCE_STATE_FAILED],
];

for (const [what, given, seen, ready, state] of STATES) {
  test(`an instance whose container ${what}`, () => {
    assert.equal(observedStatus(instance(given), seen, ready, NOW).state, state);
  });
}

for (const intent of [S.INSTANCE_STATE_CREATING, S.INSTANCE_STATE_STOPPING, S.INSTANCE_STATE_DELETING]) {
  test(`the state ${intent} of a job that runs is its job's to end, the facts are not`, () => {
    const busy = instance({ state: intent, operation: "projects/p/operations/x" });
    const status = observedStatus(busy, container({ exitCode: 4 }), false, NOW);
    assert.equal(status.state, intent);
    assert.equal(status.exitCode, 4);
    assert.equal(settledStatus(busy, container(), false, NOW).state, S.INSTANCE_STATE_RUNNING);
    assert.equal(observedStatus(instance({ state: intent }), container(), false, NOW).state, S.INSTANCE_STATE_RUNNING);
  });
}

test("facts: addresses with the realm's own network first, ports, the inner engine's address", () => {
  const address = (network: string, ipv4: string) => ({ network, ipv4, ipv6: "", mac: "02:00:00:00:00:01" });
  const seen = container({
    addresses: [address("extra", "10.2.0.2"), address("gantry", "10.1.0.2")],
    ports: [{ hostIp: "127.0.0.1", hostPort: 8080, port: 80, protocol: "tcp" }],
    startTime: NOW,
    restartCount: 2,
    imageId: "sha256:1",
  });
  const status = observedStatus(instance({ inner: true }), seen, true, NOW);
  assert.deepEqual(
    status.addresses.map(({ network }) => network),
    ["gantry", "extra"],
  );
  assert.equal(status.dockerHost, "tcp://10.1.0.2:2376");
  assert.deepEqual(status.ports[0], { hostIp: "127.0.0.1", hostPort: 8080, port: 80, protocol: "tcp" });
  assert.deepEqual([status.startTime, status.restartCount, status.imageId], [NOW, 2, "sha256:1"]);
  const gone = observedStatus(instance({ inner: true }), undefined, false, NOW);
  assert.deepEqual([gone.addresses, gone.ports, gone.dockerHost], [[], [], ""]);
});

test("a condition's time moves only when its status does", () => {
  const of = (status: ReturnType<typeof observedStatus>, type: string) =>
    status.conditions.find((condition) => condition.type === type)!;
  const first = instance({ inner: true });
  first.status = observedStatus(first, container(), false, NOW);
  const ready = observedStatus(first, container(), true, LATER);
  assert.equal(of(ready, CONDITION_CONTAINER_RUNNING).lastTransitionTime, NOW);
  assert.equal(of(ready, CONDITION_INNER_ENGINE_READY).lastTransitionTime, LATER);
  const ended = observedStatus(first, container({ state: "exited", exitCode: 9 }), false, LATER);
  assert.deepEqual(
    [of(ended, CONDITION_CONTAINER_RUNNING).status, of(ended, CONDITION_CONTAINER_RUNNING).message],
    [ConditionStatus.CONDITION_STATUS_FALSE, "main process ended with 9"],
  );
  assert.equal(first.status.state, S.INSTANCE_STATE_STARTING, "what was given is not changed");
});

test("a crash loop is told until the main process has run for a while", () => {
  const at = (ms: number) => new Date(NOW.getTime() + ms);
  const subject = instance();
  const see = (seen: ContainerState, ms: number) => {
    subject.status = observedStatus(subject, seen, false, at(ms));
    const condition = subject.status.conditions.find(({ type }) => type === CONDITION_CRASH_LOOP);
    return [subject.status.state, condition?.status, condition?.reason];
  };
  const { CONDITION_STATUS_TRUE: TRUE, CONDITION_STATUS_FALSE: FALSE } = ConditionStatus;
  const restarting = (restartCount: number, lifeMs: number) =>
    container({ state: "restarting", exitCode: 5, restartCount, startTime: at(-lifeMs), finishTime: NOW });
  assert.deepEqual(see(restarting(2, 10), 0), [S.INSTANCE_STATE_STARTING, undefined, undefined]);
  assert.deepEqual(see(restarting(9, 10_000), 0), [S.INSTANCE_STATE_STARTING, undefined, undefined], "a long life");
  assert.deepEqual(see(restarting(3, 10), 0), [S.INSTANCE_STATE_STARTING, TRUE, "MainProcessEnds"]);
  const running = container({ startTime: NOW, restartCount: 3 });
  assert.deepEqual(see(running, 9_999), [S.INSTANCE_STATE_STARTING, TRUE, "MainProcessEnds"]);
  assert.deepEqual(see(running, 10_000), [S.INSTANCE_STATE_RUNNING, FALSE, "Runs"]);
  assert.deepEqual(see(restarting(4, 10), 20_000), [S.INSTANCE_STATE_STARTING, TRUE, "MainProcessEnds"]);
  const exited = container({ state: "exited", exitCode: 5 });
  assert.deepEqual(see(exited, 20_000), [S.INSTANCE_STATE_FAILED, FALSE, "NotStartedAgain"]);
});

test("whether limits are visible inside is told by how the container was made", () => {
  const see = (seen: ContainerState | undefined) => {
    const { conditions } = observedStatus(instance(), seen, false, NOW);
    const found = conditions.find(({ type }) => type === CONDITION_LIMITS_VISIBLE);
    return found && [found.status, found.reason];
  };
  const { CONDITION_STATUS_TRUE: TRUE, CONDITION_STATUS_FALSE: FALSE } = ConditionStatus;
  assert.deepEqual(see(container({ labels: { "gantry.dev/limits-view": "lxcfs" } })), [TRUE, "Lxcfs"]);
  assert.deepEqual(see(container()), [FALSE, "NoLxcfs"]);
  assert.equal(see(undefined), undefined);
});
