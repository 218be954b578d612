import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { Queue, Worker } from "bullmq";
import { Instance } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Job } from "../../../../services/common/jobs/api.ts";
import { instanceKind } from "../../../../services/compute/kinds.ts";
import { connectRedis } from "../../../../services/common/redis/connect.ts";
import { startRedis } from "../../../support/redis.ts";
import { HOST, metadataOf, Platform, step, testJob } from "./support/platform.ts";
import { until } from "./support/until.ts";

const parallel = { concurrency: true };

/** Three steps that write down what they do and take a while. */
function slow(log: string[], ms: number): Job {
  const steps = ["one", "two", "three"].map((name) =>
    step(
      name,
      async (ctx) => {
        log.push(`begin ${name}`);
        await delay(ms, undefined, { signal: ctx.signal });
        log.push(`end ${name}`);
      },
      async () => void log.push(`undo ${name}`),
    ),
  );
  return testJob("slow", steps);
}

test("recovery", parallel, async (t) => {
  const tests = [
    t.test("the sweeper gives an operation without a job its job again", async () => {
      await using redis = await startRedis();
      await using front = await Platform.start({ redisUrl: redis.url });
      const operation = await front.submit("web", { job: "slow" });
      const connection = connectRedis(redis.url, { maxRetriesPerRequest: null });
      const queue = new Queue(`compute@${HOST}`, { connection, prefix: front.store.prefix });
      await queue.obliterate({ force: true });
      await using platform = await Platform.start({ redisUrl: redis.url, jobs: [slow([], 1)] });
      assert.equal((await platform.ended(operation, 8_000)).result?.$case, "response");
      await queue.close();
      connection.disconnect();
    }),

    t.test("a resource that names an operation which has ended, or is lost, is free again", async () => {
      await using redis = await startRedis();
      await using front = await Platform.start({ redisUrl: redis.url });
      const claim = (id: string, operation: string, host = HOST): Promise<void> =>
        front.store.transact(async (tx) => {
          const meta = { name: `projects/default/instances/${id}`, host, operation };
          tx.create(instanceKind, Instance.fromPartial({ meta }));
        });
      const claimOf = async (id: string) =>
        (await front.store.need(instanceKind, `projects/default/instances/${id}`)).meta?.operation;
      const lost = `projects/default/operations/compute-${randomUUID()}`;
      await claim("left", lost);
      await claim("elsewhere", lost, "rack1-02");
      const slowly = await front.submit("busy", { job: "slow" });
      await using platform = await Platform.start({ redisUrl: redis.url, jobs: [slow([], 300)] });
      await until(async () => (await claimOf("left")) === "", "it is free");
      assert.equal(await claimOf("busy"), slowly.name, "what runs keeps its resource");
      assert.equal(await claimOf("elsewhere"), lost, "another host's resources are its own");
      assert.equal((await platform.ended(slowly)).result?.$case, "response");
    }),

    t.test("a job that BullMQ gave up is added again", async () => {
      await using redis = await startRedis();
      await using front = await Platform.start({ redisUrl: redis.url });
      const operation = await front.submit("web", { job: "slow" });
      const connection = connectRedis(redis.url, { maxRetriesPerRequest: null });
      const queue = new Queue(`compute@${HOST}`, { connection, prefix: front.store.prefix });
      const failing = new Worker(
        queue.name,
        async () => {
          throw new Error("given up");
        },
        { connection, prefix: front.store.prefix },
      );
      await until(async () => (await queue.getFailedCount()) === 1, "BullMQ gave it up");
      await failing.close();
      await using platform = await Platform.start({ redisUrl: redis.url, jobs: [slow([], 1)] });
      assert.equal((await platform.ended(operation, 8_000)).result?.$case, "response");
      await queue.close();
      connection.disconnect();
    }),

    t.test("kill -9 of Redis in the middle of a job: it goes on when Redis is back", async () => {
      await using redis = await startRedis();
      const log: string[] = [];
      await using platform = await Platform.start({ redisUrl: redis.url, jobs: [slow(log, 1_000)] });
      const operation = await platform.submit("web", { job: "slow" });
      await until(() => log.includes("begin two"), "step two runs");
      await redis.kill();
      await delay(1_500);
      await redis.start();
      const back = performance.now();
      assert.equal((await platform.ended(operation, 20_000)).result?.$case, "response");
      const tookMs = performance.now() - back;
      assert.ok(tookMs < 15_000, `took ${tookMs} ms`);
      assert.equal(log.filter((line) => line === "end one").length, 1);
      assert.equal(log.at(-1), "end three");
    }),

    t.test("Redis away for longer than the lease: steps are stopped, and go on when it is back", async () => {
      await using redis = await startRedis();
      const log: string[] = [];
      let stopped = false;
      const stuckOnce = step("two", async (ctx) => {
        log.push("begin two");
        if (stopped) return;
        ctx.signal.addEventListener("abort", () => (stopped = true));
        await delay(60_000, undefined, { signal: ctx.signal });
      });
      const [one, , three] = slow(log, 1).steps;
      const job = testJob("slow", [one!, stuckOnce, three!]);
      await using platform = await Platform.start({ redisUrl: redis.url, jobs: [job] });
      const operation = await platform.submit("web", { job: "slow" });
      await until(() => log.includes("begin two"), "step two runs");
      await redis.kill();
      await until(() => stopped && !platform.worker!.active, "the worker has given up the lease");
      await delay(1_000);
      assert.equal(log.length, 3);
      await redis.start();
      const back = performance.now();
      assert.equal((await platform.ended(operation, 20_000)).result?.$case, "response");
      const tookMs = performance.now() - back;
      assert.ok(tookMs < 15_000, `took ${tookMs} ms`);
      assert.deepEqual(log.slice(3), ["begin two", "begin three", "end three"]);
    }),

    t.test("Redis loses everything: the operation comes back from its file and ends", async () => {
      await using redis = await startRedis();
      const log: string[] = [];
      await using platform = await Platform.start({ redisUrl: redis.url, jobs: [slow(log, 2_000)] });
      const operation = await platform.submit("web", { job: "slow" });
      await until(() => log.includes("begin two"), "step two runs");
      await delay(500);
      await redis.kill();
      await redis.wipe();
      await redis.start();
      assert.equal((await platform.ended(operation, 30_000)).result?.$case, "response");
      assert.equal(log.at(-1), "end three");
      assert.equal((await platform.instance("web"))!.meta!.operation, "");
    }),

    t.test("Redis and the process lose everything but the files", async () => {
      await using redis = await startRedis();
      const dataDir = await mkdtemp(join(tmpdir(), "jobs-wipe-"));
      const log: string[] = [];
      const first = await Platform.start({ redisUrl: redis.url, dataDir, jobs: [slow(log, 60_000)] });
      const operation = await first.submit("web", { job: "slow" });
      await until(() => log.includes("begin one"), "step one runs");
      await redis.kill();
      await redis.wipe();
      await first[Symbol.asyncDispose]();
      await redis.start();
      const again: string[] = [];
      const second = await Platform.start({ redisUrl: redis.url, dataDir, jobs: [slow(again, 1)] });
      const ended = await second.ended(operation, 20_000);
      await second[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
      assert.equal(ended.result?.$case, "response");
      assert.equal(again.length, 6);
    }),

    t.test("a full Redis holds a job up and does not fail it", async () => {
      await using redis = await startRedis();
      const log: string[] = [];
      await using platform = await Platform.start({ redisUrl: redis.url, jobs: [slow(log, 300)] });
      const operation = await platform.submit("web", { job: "slow" });
      const connection = connectRedis(redis.url);
      await until(() => log.includes("begin one"), "step one runs");
      await connection.config("SET", "maxmemory", "1");
      await delay(1_500);
      assert.deepEqual(log, ["begin one", "end one"]);
      await connection.config("SET", "maxmemory", "0");
      assert.equal((await platform.ended(operation, 15_000)).result?.$case, "response");
      assert.equal(log.filter((line) => line.startsWith("undo")).length, 0);
      connection.disconnect();
    }),

    t.test("a delete for another host waits for the undo on the first", async () => {
      await using redis = await startRedis();
      const log: string[] = [];
      await using first = await Platform.start({ redisUrl: redis.url, host: "first", jobs: [slow(log, 60_000)] });
      const remove = testJob("remove", [step("remove", async () => void log.push("remove"))]);
      await using second = await Platform.start({ redisUrl: redis.url, host: "second", jobs: [remove] });
      const create = await first.submit("web", { job: "slow" });
      await until(() => log.includes("begin one"), "step one runs");
      const gone = await second.submit("web", { job: "remove", verb: "delete" }, "second");
      assert.equal((await second.ended(gone)).result?.$case, "response");
      assert.equal((await first.ended(create)).result?.$case, "error");
      assert.deepEqual(log, ["begin one", "undo one", "remove"]);
    }),

    t.test("a process that stops hands its jobs over at once", async () => {
      await using redis = await startRedis();
      const log: string[] = [];
      const limits = { drainMs: 100 };
      const first = await Platform.start({ redisUrl: redis.url, jobs: [slow(log, 60_000)], limits });
      const operation = await first.submit("web", { job: "slow" });
      await until(() => log.includes("begin one"), "step one runs");
      const begun = performance.now();
      await first[Symbol.asyncDispose]();
      assert.ok(performance.now() - begun < 2_000, "stopping takes too long");
      await using second = await Platform.start({ redisUrl: redis.url, jobs: [slow(log, 1)], limits });
      const ended = await second.ended(operation, 10_000);
      assert.equal(ended.result?.$case, "response");
      assert.equal(metadataOf(ended).resumes, 1);
      assert.ok(performance.now() - begun < 3_000, "the lease was not given back");
      assert.ok(!log.includes("undo one"));
    }),

    t.test("a stopping process lets the step under way finish, and begins no other", async () => {
      await using redis = await startRedis();
      const log: string[] = [];
      const first = await Platform.start({ redisUrl: redis.url, jobs: [slow(log, 300)] });
      const operation = await first.submit("web", { job: "slow" });
      await until(() => log.includes("begin two"), "step two runs");
      await first.worker!.close();
      assert.deepEqual(log, ["begin one", "end one", "begin two", "end two"]);
      await using second = await Platform.start({ redisUrl: redis.url, jobs: [slow(log, 1)] });
      await second.ended(operation, 10_000);
      assert.deepEqual(log.slice(4), ["begin three", "end three"]);
      await first[Symbol.asyncDispose]();
    }),

    t.test("who loses the lease writes nothing more and begins no step", async () => {
      await using redis = await startRedis();
      const log: string[] = [];
      await using platform = await Platform.start({ redisUrl: redis.url, jobs: [slow(log, 1_000)] });
      const operation = await platform.submit("web", { job: "slow" });
      await until(() => log.includes("begin one"), "step one runs");
      const connection = connectRedis(redis.url);
      const key = `${platform.store.prefix}:lease:compute@${HOST}`;
      assert.equal(await connection.exists(key), 1);
      await connection.set(key, "another", "PX", 4_000);
      await delay(3_500);
      assert.ok(!log.includes("begin two"), "a step began without the lease");
      assert.deepEqual((await platform.record(operation)).finishedSteps, []);
      // The other is gone now: the first takes over again.
      assert.equal((await platform.ended(operation, 15_000)).result?.$case, "response");
      connection.disconnect();
    }),
  ];
  await Promise.all(tests);
});
