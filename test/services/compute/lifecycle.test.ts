import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import {
  type Instance,
  InstanceState,
  PowerState,
  RestartPolicy,
} from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import { failure, progressOf, TestCompute } from "./support/compute.ts";

const RUNNING = InstanceState.INSTANCE_STATE_RUNNING;
const STOPPED = InstanceState.INSTANCE_STATE_STOPPED;
const PAUSED = InstanceState.INSTANCE_STATE_PAUSED;

let compute: TestCompute;
before(async () => {
  compute = await TestCompute.start();
});
after(() => compute?.[Symbol.asyncDispose]());

const inspect = (id: string) => inspectContainer(compute.engine, compute.containerName(id));

test("an instance goes through its states, and its container with it", async () => {
  const made = await compute.created("cycle");
  assert.equal(made.status?.state, RUNNING);
  assert.equal(made.meta?.operation, "");
  assert.equal(made.status.observedGeneration, made.meta?.generation);
  const address = made.reservation!.ipv4;
  const steps: [Parameters<TestCompute["verb"]>[0], InstanceState, string][] = [
    ["pause", PAUSED, "paused"],
    ["pause", PAUSED, "paused"],
    ["resume", RUNNING, "running"],
    ["stop", STOPPED, "exited"],
    ["stop", STOPPED, "exited"],
    ["start", RUNNING, "running"],
    ["start", RUNNING, "running"],
    ["restart", RUNNING, "running"],
    ["pause", PAUSED, "paused"],
    ["stop", STOPPED, "exited"],
    ["start", RUNNING, "running"],
  ];
  for (const [verb, state, engineState] of steps) {
    const instance = await compute.verb(verb, "cycle");
    assert.equal(instance.status?.state, state, verb);
    assert.equal((await inspect("cycle")).State.Status, engineState, verb);
    assert.deepEqual(await stateAfterwards("cycle"), state, `${verb}: what is observed afterwards says the same`);
  }
  assert.equal((await inspect("cycle")).NetworkSettings.Networks[compute.network]?.IPAddress, address);
  await compute.delete("cycle");
  assert.equal((await failure(compute.get("cycle"))).reason, "NOT_FOUND");
  assert.deepEqual(await compute.leftOnEngine(), []);
});

async function stateAfterwards(id: string): Promise<InstanceState | undefined> {
  const instance = await compute.get(id);
  return instance.status?.state;
}

test("verbs in the wrong state are refused and change nothing", async () => {
  await compute.created("wrong");
  assert.equal((await reasonOf("resume", "wrong")).reason, "no error");
  await compute.verb("pause", "wrong");
  for (const verb of ["start", "restart"] as const) assert.equal((await reasonOf(verb, "wrong")).reason, "WRONG_STATE");
  await compute.verb("stop", "wrong");
  for (const verb of ["restart", "pause", "resume"] as const) {
    const error = await reasonOf(verb, "wrong");
    assert.equal(error.reason, "WRONG_STATE", verb);
    assert.equal(error.metadata["state"], "STOPPED");
  }
  assert.equal((await compute.get("wrong")).spec?.power, PowerState.POWER_STATE_STOPPED);
});

async function reasonOf(verb: Parameters<TestCompute["verb"]>[0], id: string) {
  try {
    await compute.verb(verb, id);
    return { reason: "no error", metadata: {} as Record<string, string> };
  } catch (error) {
    return error as { reason: string; metadata: Record<string, string> };
  }
}

test("one that is created stopped is made and not started", async () => {
  const made = await compute.created("cold", { power: PowerState.POWER_STATE_STOPPED });
  assert.equal(made.status?.state, STOPPED);
  assert.equal((await inspect("cold")).State.Status, "created");
  assert.equal((await compute.verb("start", "cold")).status?.state, RUNNING);
});

test("stop: the timeout of the call goes before that of the spec", async () => {
  // It does not heed the stop signal.
  const command = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"];
  await compute.created("deaf", { command, stopTimeout: { seconds: 60n, nanos: 0 } });
  const startMs = performance.now();
  const stopped = await compute.verb("stop", "deaf", { timeout: { seconds: 1n, nanos: 0 } });
  assert.ok(performance.now() - startMs < 10_000);
  assert.equal(stopped.status?.exitCode, 137);
  assert.equal(stopped.status.state, STOPPED);
});

test("names, etags and request ids", async () => {
  const requestId = randomUUID();
  const first = await compute.create("once", {}, { requestId });
  const again = await compute.create("once", {}, { requestId });
  assert.equal(again.name, first.name);
  const made = await compute.instanceOf(first);
  assert.equal((await compute.create("once", {}, { requestId })).name, first.name, "also when it is done");
  assert.equal((await failure(compute.create("once"))).reason, "ALREADY_EXISTS");

  const name = compute.name("once");
  const stale = await failure(compute.ask("stopInstance", { name, etag: "old", requestId: "", timeout: undefined }));
  assert.equal(stale.reason, "ETAG_MISMATCH");
  assert.equal(stale.metadata["etag"], made.meta?.etag);
  await compute.verb("stop", "once", { etag: made.meta?.etag });
  assert.equal((await failure(compute.get("nobody"))).reason, "NOT_FOUND");
  assert.equal((await failure(compute.delete("nobody"))).reason, "NOT_FOUND");
});

test("one operation at a time; a delete takes over", async () => {
  const creating = await compute.create("busy");
  const refused = await failure(compute.verb("stop", "busy"));
  assert.equal(refused.reason, "OPERATION_IN_PROGRESS");
  assert.equal(refused.metadata["operation"], creating.name);
  await compute.delete("busy");
  assert.equal((await failure(compute.wait(creating))).reason, "CANCELLED");
  assert.equal((await failure(compute.get("busy"))).reason, "NOT_FOUND");
  assert.ok(!(await compute.leftOnEngine()).some((left) => left.includes("busy")));
});

test("update: labels, restart policy and stop timeout; all else is refused at once", async () => {
  const made = await compute.created("tuned");
  const instance: Instance = {
    ...made,
    meta: { ...made.meta!, labels: { tier: "web" }, etag: "" },
    spec: { ...made.spec!, restartPolicy: RestartPolicy.RESTART_POLICY_NEVER, stopTimeout: { seconds: 3n, nanos: 0 } },
  };
  const updated = await compute.instanceOf(
    await compute.ask("updateInstance", { instance, updateMask: undefined, requestId: "" }),
  );
  assert.deepEqual(updated.meta?.labels, { tier: "web" });
  assert.equal(updated.spec?.restartPolicy, RestartPolicy.RESTART_POLICY_NEVER);
  assert.equal(updated.meta.generation, 2n);
  assert.equal((await inspect("tuned")).HostConfig.RestartPolicy?.Name, "no");

  const wrong: Instance = {
    ...instance,
    spec: { ...instance.spec!, image: "other", hostname: "else", memoryBytes: 64n << 20n, power: 2 },
  };
  const error = await failure(compute.ask("updateInstance", { instance: wrong, updateMask: undefined, requestId: "" }));
  assert.deepEqual(error.violations.map(({ field }) => field).toSorted(), [
    "instance.spec.hostname",
    "instance.spec.image",
    "instance.spec.memory_bytes",
    "instance.spec.power",
  ]);
  const mask = ["spec.image", "spec.nonsense", "meta.labels"];
  const masked = await failure(compute.ask("updateInstance", { instance, updateMask: mask, requestId: "" }));
  assert.equal(masked.violations.filter(({ field }) => field === "update_mask").length, 2);
});

test("validate_only changes nothing", async () => {
  const operation = await compute.create("ghost", { cpuMillis: 100n }, { validateOnly: true });
  assert.equal(operation.done, true);
  const instance = await compute.instanceOf(operation);
  assert.equal(instance.spec?.hostname, "ghost");
  assert.equal(instance.meta?.host, compute.host);
  assert.equal((await failure(compute.get("ghost"))).reason, "NOT_FOUND");
});

test("a creation that fails leaves nothing, or what it made when that was asked for", async () => {
  // The image is there, the program is not.
  const spec = { command: ["/no/such/program"] };
  const before = await compute.leftOnEngine();
  await failure(compute.created("broken", spec));
  assert.equal((await failure(compute.get("broken"))).reason, "NOT_FOUND");
  assert.deepEqual(await compute.leftOnEngine(), before);

  const operation = await compute.create("kept", spec, { retain: true });
  const error = await failure(compute.wait(operation));
  assert.match(error.message, /no such file/);
  assert.equal(error.metadata["step"], "start-container");
  const kept = await compute.get("kept");
  assert.equal(kept.status?.state, InstanceState.INSTANCE_STATE_FAILED);
  assert.ok(kept.status.conditions.some(({ message }) => message.includes("no such file")));
  assert.equal((await inspect("kept")).State.Status, "created");
  await compute.delete("kept");
  assert.deepEqual(await compute.leftOnEngine(), before);
});

test("user data runs once, and its failure is the creation's", async () => {
  const userData = 'echo run >> /root/ran; test "$(wc -l < /root/ran)" = 1';
  await compute.created("script", { userData });
  await compute.verb("restart", "script");
  const failed = await failure(compute.created("bad-script", { userData: "echo secret; exit 3" }));
  assert.equal(failed.reason, "USER_DATA_FAILED");
  assert.equal(failed.metadata["exitCode"], "3");
  assert.ok(!failed.message.includes("secret"));
});

test("progress names the steps", async () => {
  const done = await compute.wait(await compute.create("steps"));
  const { stepIndex, stepCount, percent, verb, target } = progressOf(done);
  assert.equal(stepIndex, stepCount);
  assert.deepEqual([percent, verb, target], [100, "create", compute.name("steps")]);
});
