// Main processes that end at once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import { type Instance, InstanceState, RestartPolicy } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { GantryError } from "../../../services/common/errors/errors.ts";
import { failure, type SpecInput, TestCompute } from "./support/compute.ts";

const { RESTART_POLICY_NEVER: NEVER, RESTART_POLICY_ON_FAILURE: ON_FAILURE } = RestartPolicy;
const { RESTART_POLICY_ALWAYS: ALWAYS } = RestartPolicy;

let compute: TestCompute;
before(async () => {
  compute = await TestCompute.start();
});
after(() => compute?.[Symbol.asyncDispose]());

/**
 * What a creation fails with. A process may still run when it is looked at, however soon it ends: then its status tells the same, and it is
 * tried again.
 */
async function creationFailure(id: string, spec: SpecInput, ends: (instance: Instance) => boolean) {
  for (let tries = 0; tries < 10; tries += 1) {
    try {
      await compute.created(id, spec);
    } catch (error) {
      assert.equal((await failure(compute.get(id))).reason, "NOT_FOUND", "nothing is left");
      return error as GantryError;
    }
    await compute.until("the end is seen", async () => ends(await compute.get(id)));
    await compute.delete(id);
  }
  throw new Error("it should have failed");
}

const shell = (script: string) => ["/bin/sh", "-c", script];
const SAY = "for i in $(seq 30); do echo line $i; done; exit 3";

for (const [name, restartPolicy] of [
  ["never", NEVER],
  ["failure", ON_FAILURE],
] as const) {
  test(`one that has done its work at once is STOPPED, and was made well (${name})`, async () => {
    const id = `done-${name}`;
    const made = await compute.created(id, { command: shell("exit 0"), restartPolicy });
    assert.equal(made.meta?.operation, "");
    const stopped = () =>
      compute.until("it is stopped", async () => {
        const { status } = await compute.get(id);
        return status?.state === InstanceState.INSTANCE_STATE_STOPPED && status;
      });
    const status = await stopped();
    assert.equal(status.exitCode, 0);
    assert.ok(status.finishTime);
    await compute.verb("start", id);
    const again = await stopped();
    assert.ok(again.startTime! > status.startTime!);
    await compute.delete(id);
  });
}

test("one that ends badly and does not come back fails its creation, with its last lines", async () => {
  const spec = { command: shell(SAY), restartPolicy: NEVER };
  const isFailed = ({ status }: Instance) =>
    status?.state === InstanceState.INSTANCE_STATE_FAILED &&
    status.conditions[0]?.message === "main process ended with 3";
  const error = await creationFailure("bad", spec, isFailed);
  assert.deepEqual(
    [error.reason, error.message, error.metadata["exitCode"]],
    ["MAIN_PROCESS_ENDED", "the main process ended at once with code 3", "3"],
  );
  const lines = error.metadata["output"]?.split("\n") ?? [];
  assert.deepEqual([lines.length, lines[0], lines.at(-1)], [20, "line 11", "line 30"]);

  const ended = compute.wait(await compute.create("bad", spec, { retain: true }));
  await ended.catch((error: GantryError) => assert.equal(error.reason, "MAIN_PROCESS_ENDED"));
  const kept = await compute.until("it is failed", async () => {
    const instance = await compute.get("bad");
    return isFailed(instance) && instance;
  });
  assert.equal(kept.status?.exitCode, 3);
  await compute.delete("bad");
});

const crashLoop = (instance: Instance) => instance.status?.conditions.find(({ type }) => type === "CrashLoop");
const isLooping = (instance: Instance) => crashLoop(instance)?.status === ConditionStatus.CONDITION_STATUS_TRUE;

for (const [name, restartPolicy, code] of [
  ["always", ALWAYS, 0],
  ["failure", ON_FAILURE, 7],
] as const) {
  test(`one that ends each time it is started fails its creation as a crash loop (${name})`, async () => {
    const id = `loop-${name}`;
    const spec = { command: shell(`echo try; exit ${code}`), restartPolicy };
    const error = await creationFailure(id, spec, isLooping);
    assert.equal(error.reason, "CRASH_LOOP");
    assert.match(error.message, new RegExp(`ends again and again: [3-9] restarts, the last end with code ${code}`));
    assert.equal(error.metadata["output"]?.split("\n")[0], "try");
  });
}

test("a crash loop is told by the status, until it is over; and a stop ends it", async () => {
  // It runs well as long as the file is there.
  const command = shell("touch /begun; [ -e /crash ] && exit 5; while [ ! -e /crash ]; do sleep 0.1; done; exit 5");
  await compute.created("late", { command, restartPolicy: ALWAYS });
  const shellIn = async (script: string) => {
    const container = compute.containerName("late");
    const body = { Cmd: shell(script) };
    const { Id } = await compute.engine.call<{ Id: string }>("POST", `/containers/${container}/exec`, { body });
    await compute.engine.call("POST", `/exec/${Id}/start`, { body: { Detach: true } });
  };
  await shellIn("touch /crash");
  const looping = await compute.until("the loop is seen", async () => {
    const instance = await compute.get("late");
    return isLooping(instance) && instance;
  });
  assert.equal(looping.status?.state, InstanceState.INSTANCE_STATE_STARTING);
  assert.match(crashLoop(looping)!.message, /^main process ended with 5, started again \d+ times/);
  const stopped = await compute.verb("stop", "late");
  assert.equal(stopped.status?.state, InstanceState.INSTANCE_STATE_STOPPED);
  assert.equal(crashLoop(stopped)?.status, ConditionStatus.CONDITION_STATUS_FALSE);
  try {
    await compute.verb("start", "late");
    await compute.verb("stop", "late");
  } catch (error) {
    assert.equal((error as GantryError).reason, "CRASH_LOOP");
  }
  await compute.until("it is stopped again, as before the start", async () => {
    const { spec, status } = await compute.get("late");
    return spec?.power === 2 && status?.state === InstanceState.INSTANCE_STATE_STOPPED;
  });
});

test("one that gets out of its crash loop is RUNNING", async () => {
  const command = shell(`n=$(cat /n || echo 0); echo $((n + 1)) > /n; [ $n -lt 5 ] && exit 5; exec sleep 1000`);
  const ended = compute.wait(await compute.create("tough", { command, restartPolicy: ALWAYS }, { retain: true }));
  await ended.catch((error: GantryError) => assert.equal(error.reason, "CRASH_LOOP"));
  await compute.until("the loop is seen", async () => isLooping(await compute.get("tough")));
  const running = await compute.until(
    "it runs",
    async () => {
      const instance = await compute.get("tough");
      return instance.status?.state === InstanceState.INSTANCE_STATE_RUNNING && instance;
    },
    40_000,
  );
  assert.equal(crashLoop(running)?.status, ConditionStatus.CONDITION_STATUS_FALSE);
});
