import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Instance,
  InstanceState,
  PowerState,
  RestartPolicy,
} from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { type ContainerState, UNDETAILED } from "../../../../services/common/engine/state.ts";
import { Backoff } from "../../../../services/common/observe/backoff.ts";
import { difference } from "../../../../services/compute/reconcile/difference.ts";

const { POWER_STATE_RUNNING: RUN, POWER_STATE_STOPPED: STOP, POWER_STATE_PAUSED: PAUSE } = PowerState;
const {
  RESTART_POLICY_ALWAYS: ALWAYS,
  RESTART_POLICY_ON_FAILURE: ON_FAILURE,
  RESTART_POLICY_NEVER: NEVER,
} = RestartPolicy;

function instance(
  power: PowerState,
  restartPolicy: RestartPolicy,
  more: { operation?: string; deleteTime?: Date; state?: InstanceState } = {},
) {
  const { operation = "", deleteTime, state = InstanceState.INSTANCE_STATE_RUNNING } = more;
  return Instance.fromPartial({
    meta: { name: "projects/p/instances/i", operation, ...(deleteTime ? { deleteTime } : {}) },
    spec: { power, restartPolicy },
    status: { state },
  });
}

function container(state: string, exitCode = 0): ContainerState {
  return { ...UNDETAILED, id: "c", name: "p.i", image: "busybox", labels: {}, state, exitCode };
}

function killed(restartCount: number): ContainerState {
  return { ...container("restarting", 137), detailed: true, restartCount };
}

const table: [string, PowerState, RestartPolicy, ContainerState | undefined, ReturnType<typeof difference>][] = [
  ["runs as wanted", RUN, ALWAYS, container("running"), undefined],
  ["stopped as wanted", STOP, ALWAYS, container("exited", 137), undefined],
  ["paused as wanted", PAUSE, ALWAYS, container("paused"), undefined],
  ["gone", RUN, ALWAYS, undefined, "repair"],
  ["gone while stopped", STOP, NEVER, undefined, "repair"],
  ["runs and should not", STOP, ALWAYS, container("running"), "stop"],
  ["paused and should be stopped", STOP, ALWAYS, container("paused"), "stop"],
  ["runs and should be paused", PAUSE, ALWAYS, container("running"), "pause"],
  ["paused and should run", RUN, ALWAYS, container("paused"), "resume"],
  ["ended well", RUN, ALWAYS, container("exited"), "start"],
  ["ended well, on failure", RUN, ON_FAILURE, container("exited"), undefined],
  ["ended badly, on failure", RUN, ON_FAILURE, container("exited", 1), "start"],
  ["ended badly, never", RUN, NEVER, container("exited", 1), undefined],
  ["made and not started", RUN, ON_FAILURE, container("created"), "start"],
  ["the engine is at it", RUN, ALWAYS, container("restarting", 1), undefined],
  ["the engine is at it and should not", STOP, ALWAYS, container("restarting", 1), "stop"],
  ["killed over and over", RUN, ALWAYS, killed(3), "start"],
  ["killed over and over, and should not run", STOP, ALWAYS, killed(3), "stop"],
  ["killed now and then", RUN, ALWAYS, killed(2), undefined],
  ["killed over and over at its memory limit", RUN, ALWAYS, { ...killed(3), oomKilled: true }, undefined],
  ["ends badly over and over", RUN, ALWAYS, { ...killed(3), exitCode: 1 }, undefined],
  ["being removed", RUN, ALWAYS, container("removing"), undefined],
];
for (const [what, power, policy, seen, correction] of table) {
  test(what, () => assert.equal(difference(instance(power, policy), seen), correction));
}

test("a job's turn, a deletion cut short, a failed creation that is kept", () => {
  assert.equal(difference(instance(RUN, ALWAYS, { operation: "operations/x" }), undefined), undefined);
  assert.equal(difference(instance(RUN, ALWAYS, { deleteTime: new Date() }), container("running")), "delete");
  assert.equal(difference(instance(RUN, ALWAYS, { state: InstanceState.INSTANCE_STATE_FAILED }), undefined), undefined);
});

test("what keeps breaking is mended later and later", () => {
  const backoff = new Backoff();
  assert.equal(backoff.waitMs("a", 0), 0);
  const waits: number[] = [];
  for (let i = 0, now = 0; i < 8; i += 1) {
    backoff.tried("a", now);
    waits.push(backoff.waitMs("a", now));
    now += waits.at(-1)!;
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  assert.equal(backoff.waitMs("b", 0), 0);
  assert.equal(backoff.waitMs("a", 10_000_000), 0);
});
