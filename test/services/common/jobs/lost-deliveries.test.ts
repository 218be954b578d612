import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { Queue, Worker } from "bullmq";
import type { JobLimits } from "../../../../services/common/jobs/limits.ts";
import { matchOperationName } from "../../../../services/common/names/operation-names.ts";
import { connectRedis } from "../../../../services/common/redis/connect.ts";
import { startRedis } from "../../../support/redis.ts";
import { HOST, Platform, step, testJob } from "./support/platform.ts";
import { until } from "./support/until.ts";

/** Longer than any wait here: nothing comes back because its lock ended. */
const LOCK_MS = 120_000;

/**
 * Marks the next operation as active with a lock that no worker has, as a lost reply leaves it, while the only slot of the worker is
 * taken. Then `search` makes the worker look.
 */
async function loseOne(limits: Partial<JobLimits>, search: (kill: () => Promise<unknown>) => Promise<void>) {
  await using redis = await startRedis();
  const hold = Promise.withResolvers<void>();
  const log: string[] = [];
  const jobs = [
    testJob("holding", [step("hold", () => hold.promise)]),
    testJob("quick", [step("quick", async () => void log.push("quick"))]),
  ];
  const own = { ...limits, concurrency: 1, lockDurationMs: LOCK_MS };
  await using platform = await Platform.start({ redisUrl: redis.url, jobs, limits: own });
  const connection = connectRedis(redis.url, { maxRetriesPerRequest: null });
  const shared = { connection, prefix: platform.store.prefix };
  const queue = new Queue(`compute@${HOST}`, shared);
  const thief = new Worker(queue.name, null, { ...shared, lockDuration: LOCK_MS });
  try {
    const holding = await platform.submit("first", { job: "holding" });
    await until(async () => (await queue.getActiveCount()) === 1, "the slot is taken");
    const lost = await platform.submit("second", { job: "quick" });
    const taken = await thief.getNextJob("nobody:0", { block: false });
    assert.equal(taken?.data.operation, lost.name);
    hold.resolve();
    await platform.ended(holding);
    assert.deepEqual(log, [], "nobody runs it");
    const beganMs = performance.now();
    await search(() => connection.call("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES"));
    assert.equal((await platform.ended(lost)).result?.$case, "response");
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs < 4_000, `took ${tookMs} ms`);
    assert.deepEqual(log, ["quick"]);
  } finally {
    hold.resolve();
    await thief.close(true);
    await queue.close();
    connection.disconnect();
  }
}

test("a job handed to nobody", { concurrency: true }, async (t) => {
  const tests = [
    t.test("is taken back when Redis is back", () =>
      loseOne({ sweepIntervalMs: 600_000 }, async (kill) => void (await kill())),
    ),
    t.test("is taken back by the sweep", () => loseOne({ sweepIntervalMs: 300 }, async () => {})),

    t.test("is not one that runs, however often it is looked for", async () => {
      await using redis = await startRedis();
      const jobs = [testJob("long", [step("long", () => delay(3_500))])];
      const limits = { sweepIntervalMs: 50 };
      // Two processes: one takes the work in, the other is handed it.
      await using front = await Platform.start({ redisUrl: redis.url });
      await using platform = await Platform.start({ redisUrl: redis.url, jobs, limits });
      const operation = await front.submit("web", { job: "long" });
      assert.equal((await platform.ended(operation)).result?.$case, "response");
      const connection = connectRedis(redis.url, { maxRetriesPerRequest: null });
      const queue = new Queue(`compute@${HOST}`, { connection, prefix: platform.store.prefix });
      const id = matchOperationName(operation.name)!.id;
      await until(
        async () => (await (await queue.getJob(id))?.getState()) === "completed",
        "BullMQ is through with it",
      );
      assert.equal((await queue.getJob(id))!.attemptsStarted, 1);
      await queue.close();
      connection.disconnect();
    }),
  ];
  await Promise.all(tests);
});
