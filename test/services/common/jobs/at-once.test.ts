// An operation that begins in the process that takes it in: the write that takes it in says so, under the queue's fence.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { OperationRecord } from "../../../../proto/gen/gantry/common/v1/operation.ts";
import { operationKind } from "../../../../services/common/jobs/kind.ts";
import { OperationState } from "../../../../services/common/jobs/metadata.ts";
import { connectRedis } from "../../../../services/common/redis/connect.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import { HOST, metadataOf, Platform, step, testJob } from "./support/platform.ts";
import { until } from "./support/until.ts";

let redis: TestRedis;
const services = ["alpha", "beta", "gamma"].values();

before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

/** Steps `skipped`, which is not needed, `one` and `two`; what each of them found in the record when it ran. */
function story(found: string[], one: () => Promise<void> = async () => {}) {
  const note = (name: string, work = async () => {}) =>
    step(name, async (ctx) => {
      found.push(`${name}: ${metadataOf(await ctx.store.need(operationKind, ctx.operation.meta!.name)).step}`);
      await work();
    });
  const skipped = step("skipped", async () => assert.fail("it is not needed"), undefined, { needed: () => false });
  return testJob("story", [skipped, note("one", one), note("two")], { plansAtOnce: true });
}

async function start(job: ReturnType<typeof story>): Promise<Platform> {
  const platform = await Platform.start({ redisUrl: redis.url, service: services.next().value!, jobs: [job] });
  await until(() => platform.worker!.active, "it works on its queue");
  // Its first round has begun by then: an operation of its own begins at once from here on.
  await platform.ended(await platform.submit("first", { job: "story" }));
  return platform;
}

test("the first step that is needed is under way in the operation's first write", async () => {
  const found: string[] = [];
  await using platform = await start(story(found));
  found.length = 0;
  const written: { name: string; step: string; state: OperationState; starts: boolean }[] = [];
  const stop = platform.store.onChange((change) => {
    if (change.kind !== operationKind.name || change.deleted) return;
    const record = OperationRecord.decode(change.bytes);
    const { step: name, state, startTime } = metadataOf(record);
    written.push({ name: record.meta!.name, step: name, state, starts: startTime !== undefined });
  });
  const operation = await platform.submit("web", { job: "story" });
  const metadata = metadataOf(operation);
  assert.deepEqual(
    [metadata.step, metadata.stepIndex, metadata.stepCount, metadata.state, metadata.resumes],
    ["one", 2, 3, OperationState.OPERATION_STATE_RUNNING, 0],
  );
  const ended = await platform.ended(operation);
  stop();
  assert.equal(metadataOf(ended).resumes, 0);
  assert.deepEqual(found, ["one: one", "two: two"]);
  assert.deepEqual(
    written.filter(({ name }) => name === operation.name).map(({ step: name, starts }) => [name, starts]),
    [
      ["one", true],
      ["two", true],
      ["two", true],
    ],
    "begun, the second step, the end",
  );
});

test("where the queue has passed to another process, nothing begins here and nothing says so", async () => {
  const found: string[] = [];
  await using platform = await start(story(found));
  found.length = 0;
  const connection = connectRedis(redis.url);
  const key = `${platform.store.prefix}:lease:${platform.store.service}@${HOST}`;
  const [token, ttlMs] = [await connection.get(key), await connection.pttl(key)];
  await connection.set(key, "another's", "PX", 60_000);
  const operation = await platform.submit("web", { job: "story" });
  const metadata = metadataOf(operation);
  assert.deepEqual([metadata.step, metadata.state], ["", OperationState.OPERATION_STATE_QUEUED]);
  assert.deepEqual(found, []);
  await connection.set(key, token!, "PX", Math.max(ttlMs, 1_000));
  connection.disconnect();
  assert.equal((await platform.ended(operation)).result?.$case, "response");
  assert.deepEqual(found, ["one: one", "two: two"]);
});

test("who comes while as many run as may waits, and overtakes nobody", async () => {
  const gate = Promise.withResolvers<void>();
  let holds = false;
  const found: string[] = [];
  const job = story(found, async () => void (holds && (await gate.promise)));
  await using platform = await Platform.start({
    redisUrl: redis.url,
    service: services.next().value!,
    jobs: [job],
    limits: { concurrency: 1 },
  });
  await until(() => platform.worker!.active, "it works on its queue");
  await platform.ended(await platform.submit("first", { job: "story" }));
  // It has ended before its job has: that is still under way in the queue.
  const connection = connectRedis(redis.url);
  const active = `${platform.store.prefix}:${platform.store.service}@${HOST}:active`;
  await until(async () => (await connection.llen(active)) === 0, "the queue is idle");
  connection.disconnect();
  holds = true;
  const running = await platform.submit("a", { job: "story" });
  const waiting = [await platform.submit("b", { job: "story" }), await platform.submit("c", { job: "story" })];
  assert.equal(metadataOf(running).state, OperationState.OPERATION_STATE_RUNNING);
  for (const operation of waiting) {
    assert.equal(metadataOf(operation).state, OperationState.OPERATION_STATE_QUEUED);
  }
  gate.resolve();
  const ends: number[] = [];
  for (const operation of [running, ...waiting]) {
    ends.push(metadataOf(await platform.ended(operation)).endTime!.getTime());
  }
  assert.deepEqual(
    ends,
    ends.toSorted((a, b) => a - b),
  );
});
