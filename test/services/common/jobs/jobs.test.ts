import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { Queue } from "bullmq";
import { OperationState } from "../../../../proto/gen/gantry/common/v1/operation.ts";
import type { Operation } from "../../../../proto/gen/google/longrunning/operations.ts";
import { type GantryError, internal, unavailable } from "../../../../services/common/errors/errors.ts";
import { fromRpcStatus } from "../../../../services/common/errors/status.ts";
import type { Job } from "../../../../services/common/jobs/api.ts";
import { UNFINISHED_SET } from "../../../../services/common/jobs/kind.ts";
import { deleteOperation } from "../../../../services/common/jobs/rpc/delete-operation.ts";
import { connectRedis } from "../../../../services/common/redis/connect.ts";
import { startRedis, type TestRedis } from "../../../support/redis.ts";
import { HOST, metadataOf, Platform, step, testJob } from "./support/platform.ts";
import { until } from "./support/until.ts";

let redis: TestRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

let services = 0;
/** Each test has a service, thus keys, of its own. */
function start(jobs: Job[], limits = {}): Promise<Platform> {
  services += 1;
  return Platform.start({
    redisUrl: redis.url,
    service: `compute${"abcdefghijklmnopqrstuvwxyz"[services]}`,
    jobs,
    limits,
  });
}

function errorOf(operation: Operation): GantryError {
  assert.equal(operation.result?.$case, "error");
  return fromRpcStatus(operation.result.value as Parameters<typeof fromRpcStatus>[0]);
}

/** Steps that write down what they do. `at` runs in the middle of the step named. */
function chain(log: string[], at: Record<string, (signal: AbortSignal) => Promise<void>> = {}): Job {
  const names = ["one", "two", "three"];
  const steps = names.map((name) =>
    step(
      name,
      async (ctx) => {
        log.push(`do ${name}`);
        await at[name]?.(ctx.signal);
      },
      async (ctx) => {
        log.push(`undo ${name}`);
        await at[`undo ${name}`]?.(ctx.signal);
      },
    ),
  );
  return testJob("chain", steps);
}

const forever = (signal: AbortSignal): Promise<void> => delay(60_000, undefined, { signal });

test("a job runs its steps in order and ends the operation with the job's response", async () => {
  const log: string[] = [];
  await using platform = await start([chain(log)]);
  const operation = await platform.submit("web", { job: "chain" });
  assert.match(operation.name, /^projects\/default\/operations\/compute.-[0-9a-f-]{36}$/);
  assert.equal(operation.done, false);
  const ended = await platform.ended(operation);
  assert.equal(ended.result?.$case, "response");
  assert.deepEqual(log, ["do one", "do two", "do three"]);
  const metadata = metadataOf(ended);
  assert.equal(metadata.state, OperationState.OPERATION_STATE_SUCCEEDED);
  assert.equal(metadata.target, "projects/default/instances/web");
  assert.equal(metadata.targetUid, (await platform.instance("web"))!.meta!.uid);
  assert.deepEqual([metadata.stepIndex, metadata.stepCount, metadata.step, metadata.resumes], [3, 3, "three", 0]);
  assert.ok(metadata.createTime! <= metadata.startTime! && metadata.startTime! <= metadata.endTime!);
  const record = await platform.record(operation);
  assert.deepEqual(record.finishedSteps, ["one", "two", "three"]);
  assert.equal((await platform.instance("web"))!.meta!.operation, "");
  assert.deepEqual(await platform.store.setMembers(UNFINISHED_SET), []);
  assert.match(await platform.registry.metrics(), /gantry_operations_ended_total\{job="chain",result="succeeded"\} 1/);
});

test("a step that fails for good is undone with all before it, in reverse, and the operation tells what failed", async () => {
  const log: string[] = [];
  const fail = async (): Promise<void> => {
    throw internal("PULL_FAILED", "no such image: nginx:9 (docker pull: manifest unknown)");
  };
  await using platform = await start([chain(log, { three: fail })]);
  const ended = await platform.ended(await platform.submit("web", { job: "chain" }));
  assert.deepEqual(log, ["do one", "do two", "do three", "undo three", "undo two", "undo one"]);
  const error = errorOf(ended);
  assert.equal(error.code, Code.INTERNAL);
  assert.equal(error.reason, "PULL_FAILED");
  assert.match(error.message, /manifest unknown/);
  assert.equal(error.metadata["step"], "three");
  assert.equal(metadataOf(ended).state, OperationState.OPERATION_STATE_FAILED);
  assert.equal(await platform.instance("web"), undefined);
  const record = await platform.record(ended);
  assert.deepEqual([record.undoing, record.finishedSteps, record.failure.length], [false, [], 0]);
});

test("retain keeps what was made", async () => {
  const log: string[] = [];
  await using platform = await start([chain(log, { two: () => Promise.reject(internal("X", "broken")) })]);
  const ended = await platform.ended(await platform.submit("web", { job: "chain", retain: true }));
  assert.equal(errorOf(ended).reason, "X");
  assert.deepEqual(log, ["do one", "do two"]);
});

test("an unexpected error is told as INTERNAL without its text", async () => {
  await using platform = await start([chain([], { one: () => Promise.reject(new Error("password is hunter2")) })]);
  const error = errorOf(await platform.ended(await platform.submit("web", { job: "chain" })));
  assert.equal(error.code, Code.INTERNAL);
  assert.doesNotMatch(error.message, /hunter2/);
});

test("cancel aborts the step under way, undoes, and ends as CANCELLED", async () => {
  const log: string[] = [];
  await using platform = await start([chain(log, { two: forever })]);
  const operation = await platform.submit("web", { job: "chain" });
  await until(() => log.includes("do two"), "step two runs");
  const begun = performance.now();
  await platform.operations.cancel(operation.name);
  const ended = await platform.ended(operation);
  assert.ok(performance.now() - begun < 1_000);
  assert.equal(errorOf(ended).code, Code.CANCELLED);
  assert.equal(metadataOf(ended).state, OperationState.OPERATION_STATE_CANCELLED);
  assert.deepEqual(log, ["do one", "do two", "undo two", "undo one"]);
});

test("cancel of a queued operation ends it before its first step; cancel of a done one changes nothing", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using platform = await start([chain(log, { one: () => gate.promise })], { concurrency: 1 });
  const first = await platform.submit("a", { job: "chain" });
  const second = await platform.submit("b", { job: "chain" });
  await platform.operations.cancel(second.name);
  gate.resolve();
  assert.equal((await platform.ended(first)).result?.$case, "response");
  assert.equal(errorOf(await platform.ended(second)).code, Code.CANCELLED);
  assert.equal(log.length, 3);
  await platform.operations.cancel(first.name);
  assert.equal((await platform.record(first)).cancelRequested, false);
});

test("an undo that fails is tried again; what it leaves is told, and the rest is undone all the same", async () => {
  const log: string[] = [];
  let undosOfOne = 0;
  const job = chain(log, {
    three: () => Promise.reject(internal("BROKEN", "three is broken")),
    "undo two": () => Promise.reject(internal("STUCK", "device is busy")),
    "undo one": async () => {
      undosOfOne += 1;
      if (undosOfOne < 3) throw new Error("not yet");
    },
  });
  for (const each of job.steps) Object.assign(each, { backoffMs: 1 });
  await using platform = await start([job], { undoAttempts: 3 });
  const operation = await platform.submit("web", { job: "chain" });
  const error = errorOf(await platform.ended(operation));
  assert.equal(error.reason, "BROKEN");
  assert.match(error.message, /three is broken; undoing two failed: device is busy/);
  assert.equal(error.metadata["undoFailed"], "two");
  assert.equal(log.filter((line) => line === "undo two").length, 3);
  assert.equal(undosOfOne, 3);
  assert.equal(log.at(-1), "undo one");
});

test("a step is tried again on transient errors, with backoff, and not on others", async () => {
  const tries: Record<string, number> = { flaky: 0, wrong: 0 };
  const flaky = step(
    "flaky",
    async () => {
      tries["flaky"]! += 1;
      if (tries["flaky"]! < 3) throw unavailable("ENGINE_AWAY", "the engine restarts");
    },
    undefined,
    { attempts: 3, backoffMs: 10 },
  );
  const wrong = step(
    "wrong",
    async () => {
      tries["wrong"]! += 1;
      throw internal("WRONG", "wrong");
    },
    undefined,
    { attempts: 3 },
  );
  await using platform = await start([testJob("flaky", [flaky, wrong])]);
  const ended = await platform.ended(await platform.submit("web", { job: "flaky" }));
  assert.deepEqual(tries, { flaky: 3, wrong: 1 });
  assert.equal(errorOf(ended).reason, "WRONG");
});

test("a step that takes too long is aborted and fails the operation", async () => {
  const slow = step("slow", (ctx) => forever(ctx.signal), undefined, { timeoutMs: 50 });
  await using platform = await start([testJob("slow", [slow])]);
  const error = errorOf(await platform.ended(await platform.submit("web", { job: "slow" })));
  assert.equal(error.code, Code.DEADLINE_EXCEEDED);
  assert.match(error.message, /step slow did not finish within 50 ms/);
});

test("one operation at a time per resource", async () => {
  const gate = Promise.withResolvers<void>();
  await using platform = await start([chain([], { one: () => gate.promise })]);
  const first = await platform.submit("web", { job: "chain" });
  assert.equal((await platform.instance("web"))!.meta!.operation, first.name);
  await assert.rejects(platform.submit("web", { job: "chain", verb: "start" }), (error: GantryError) => {
    assert.equal(error.code, Code.FAILED_PRECONDITION);
    assert.equal(error.reason, "OPERATION_IN_PROGRESS");
    assert.equal(error.metadata["operation"], first.name);
    return true;
  });
  gate.resolve();
  await platform.ended(first);
  await platform.ended(await platform.submit("web", { job: "chain", verb: "start" }));
});

test("a delete cancels what runs, waits for its undo and takes over", async () => {
  const log: string[] = [];
  let undone = false;
  const create = chain(log, {
    two: forever,
    "undo one": async () => {
      await delay(100);
      undone = true;
    },
  });
  const remove = testJob("remove", [
    step("remove", async () => {
      assert.equal(undone, true);
      log.push("remove");
    }),
  ]);
  await using platform = await start([create, remove]);
  const first = await platform.submit("web", { job: "chain" });
  await until(() => log.includes("do two"), "step two runs");
  const second = await platform.submit("web", { job: "remove", verb: "delete" });
  assert.equal((await platform.instance("web"))!.meta!.operation, second.name);
  assert.equal((await platform.ended(second)).result?.$case, "response");
  assert.equal(errorOf(await platform.ended(first)).code, Code.CANCELLED);
  assert.deepEqual(log, ["do one", "do two", "undo two", "undo one", "remove"]);
  assert.equal(await platform.instance("web"), undefined);
});

test("deletes that fill every slot don't wait for the jobs behind them", async () => {
  const log: string[] = [];
  const remove = testJob("remove", [step("remove", async () => void log.push("remove"))]);
  await using front = await start([]);
  await front.worker!.close();
  const create = await front.submit("web", { job: "chain" });
  const gone = await front.submit("web", { job: "remove", verb: "delete" });
  // As after a loss of the queue's data, when jobs are added again in any order.
  const connection = connectRedis(redis.url, { maxRetriesPerRequest: null });
  const queue = new Queue(`${front.store.service}@${HOST}`, { connection, prefix: front.store.prefix });
  await queue.remove(create.name.split("/").at(-1)!);
  const worker = { redisUrl: redis.url, service: front.store.service, jobs: [chain(log), remove] };
  await using platform = await Platform.start({ ...worker, limits: { concurrency: 1, sweepIntervalMs: 60_000 } });
  assert.equal((await platform.ended(gone)).result?.$case, "response");
  assert.equal(errorOf(await platform.ended(create)).code, Code.CANCELLED);
  assert.deepEqual(log, ["remove"]);
  await queue.close();
  connection.disconnect();
});

test("a repeated request id gets the first operation as it is now, and changes nothing", async () => {
  const log: string[] = [];
  await using platform = await start([chain(log)]);
  const submission = { job: "chain", requestKey: "alice/CreateInstance/4711" };
  const first = await platform.submit("web", submission);
  const repeated = await platform.submit("web", submission);
  assert.equal(repeated.name, first.name);
  await platform.ended(first);
  const late = await platform.submit("web", submission);
  assert.equal(late.name, first.name);
  assert.equal(late.done, true);
  assert.equal(log.length, 3);
});

test("requests with the same id at the same time make one operation", async () => {
  await using platform = await start([chain([])]);
  const submission = { job: "chain", requestKey: "alice/CreateInstance/1" };
  const all = await Promise.all(Array.from({ length: 8 }, () => platform.submit("web", submission)));
  assert.equal(new Set(all.map((operation) => operation.name)).size, 1);
});

test("a full queue refuses before anything is written", async () => {
  const gate = Promise.withResolvers<void>();
  await using platform = await start([chain([], { one: () => gate.promise })], { concurrency: 1, queueWaitingMax: 2 });
  const first = await platform.submit("a", { job: "chain" });
  await until(async () => metadataOf(await platform.record(first)).stepIndex === 1, "the first runs");
  const waiting = [await platform.submit("b", { job: "chain" }), await platform.submit("c", { job: "chain" })];
  await assert.rejects(platform.submit("d", { job: "chain" }), (error: GantryError) => {
    assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
    return true;
  });
  assert.equal(await platform.instance("d"), undefined);
  gate.resolve();
  for (const operation of [first, ...waiting]) await platform.ended(operation);
});

test("progress is coalesced, and its last state is written", async () => {
  const busy = step("busy", async (ctx) => {
    for (let percent = 0; percent <= 100; percent += 1) {
      ctx.progress(percent, `layer ${percent} of 100`);
      await delay(5);
    }
    await delay(300);
  });
  await using platform = await start([testJob("busy", [busy])]);
  const seen: number[] = [];
  const stop = platform.store.onChange((change) => {
    if (change.kind === "Operation" && !change.deleted) seen.push(change.revision ? Number(change.revision) : 0);
  });
  const startedMs = performance.now();
  const operation = await platform.submit("web", { job: "busy" });
  await until(async () => metadataOf(await platform.record(operation)).percent === 100, "progress is at 100");
  const { message } = metadataOf(await platform.record(operation));
  await platform.ended(operation);
  stop();
  assert.equal(message, "layer 100 of 100");
  // Submit, start and end, and one write per 200 ms, where 101 were asked for.
  const most = 4 + Math.ceil((performance.now() - startedMs) / 200);
  assert.ok(seen.length >= 5 && seen.length <= most, `${seen.length} writes, at most ${most} were expected`);
});

test("a succeed that fails undoes; a fail that fails does not keep the operation open", async () => {
  const log: string[] = [];
  const job = {
    ...chain(log),
    succeed: () => Promise.reject(internal("LATE", "too late")),
    fail: () => Promise.reject(new Error("worse")),
  };
  await using platform = await start([job]);
  const error = errorOf(await platform.ended(await platform.submit("web", { job: "chain" })));
  assert.equal(error.reason, "LATE");
  assert.deepEqual(log.slice(3), ["undo three", "undo two", "undo one"]);
  assert.equal((await platform.instance("web"))!.meta!.operation, "");
});

test("a job whose context can't be made waits while that may pass, and fails when it may not", async () => {
  let tries = 0;
  const late: Job = testJob("late", [step("one", async () => {})], {
    context: async (base) => {
      tries += 1;
      if (tries <= 4) throw unavailable("ENGINE_AWAY", "the engine is not reachable");
      return base;
    },
  });
  const never: Job = testJob("never", [], { context: () => Promise.reject(internal("NO_ENGINE", "there is none")) });
  await using platform = await start([late, never]);
  const [first, second] = [await platform.submit("a", { job: "late" }), await platform.submit("b", { job: "never" })];
  assert.equal((await platform.ended(first)).result?.$case, "response");
  assert.equal(errorOf(await platform.ended(second)).reason, "NO_ENGINE");
});

test("a job this service does not know fails its operation", async () => {
  await using platform = await start([]);
  assert.equal(errorOf(await platform.ended(await platform.submit("web", { job: "gone" }))).reason, "UNKNOWN_JOB");
});

test("a repeated request id whose operation was deleted is told so, and changes nothing", async () => {
  await using platform = await start([chain([])]);
  const submission = { job: "chain", requestKey: "alice/CreateInstance/deleted" };
  const { name } = await platform.ended(await platform.submit("web", submission));
  await deleteOperation(platform.store, { name });
  const before = await platform.instance("web");
  await assert.rejects(platform.submit("web", submission), (error: GantryError) => {
    assert.equal(error.code, Code.FAILED_PRECONDITION);
    assert.equal(error.reason, "OPERATION_DELETED");
    assert.deepEqual(error.metadata, { operation: name });
    return true;
  });
  assert.deepEqual(await platform.instance("web"), before);
});
