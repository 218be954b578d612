import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { connectRedis, waitReady } from "../../../../services/common/redis/connect.ts";
import { acquireLease, tryLease } from "../../../../services/common/redis/lease.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import { eventually } from "../store/support.ts";

describe("lease", () => {
  let server: TestRedis;
  let redis: Redis;
  let keys = 0;
  const never = new AbortController().signal;
  const newKey = () => `{gantry:test}:lease:${keys++}`;

  before(async () => {
    server = await startRedis();
    redis = connectRedis(server.url);
    await waitReady(redis, 5_000);
  });

  after(async () => {
    redis?.disconnect();
    await server?.stop();
  });

  test("one holder at a time; it is renewed, and free after release", async () => {
    const key = newKey();
    // A process that does not get its turn for two thirds of that loses it, as it must.
    const ttlMs = 1_500;
    const first = await acquireLease({ redis, key, ttlMs, signal: never });
    assert.equal(await redis.get(key), first.token);
    assert.equal(await tryLease({ redis, key, ttlMs, signal: never }), undefined);
    await delay(2 * ttlMs);
    assert.equal(first.lost.aborted, false);
    assert.equal(await redis.get(key), first.token);
    const second = acquireLease({ redis, key, ttlMs, signal: never });
    await first.release();
    assert.equal(first.lost.aborted, true);
    const held = await second;
    assert.notEqual(held.token, first.token);
    await first.release();
    assert.equal(await redis.get(key), held.token, "a second release frees nobody else's lease");
    await held.release();
    assert.equal(await redis.get(key), null);
  });

  test("a lease that passed to another is lost", async () => {
    const key = newKey();
    const lease = await acquireLease({ redis, key, ttlMs: 300, signal: never });
    await redis.set(key, "another");
    await eventually(() => lease.lost.aborted, 2_000);
    assert.equal(await redis.get(key), "another");
  });

  test("a process that stood still knows at once that its time is over", async () => {
    const lease = await acquireLease({ redis, key: newKey(), ttlMs: 300, signal: never });
    assert.equal(lease.held, true);
    // Nothing else runs meanwhile, the lease's own timer neither.
    const endMs = performance.now() + 400;
    while (performance.now() < endMs);
    assert.equal(lease.lost.aborted, false);
    assert.equal(lease.held, false);
    await lease.release();
    assert.equal(lease.held, false);
  });

  test("waiting ends with the signal, and so does holding", async () => {
    const key = newKey();
    const holder = await acquireLease({ redis, key, ttlMs: 5_000, signal: never });
    const abort = new AbortController();
    const waiting = acquireLease({ redis, key, ttlMs: 300, signal: abort.signal });
    abort.abort(new Error("stop"));
    await assert.rejects(waiting);
    await holder.release();
    const stop = new AbortController();
    const held = await acquireLease({ redis, key, ttlMs: 5_000, signal: stop.signal });
    stop.abort();
    assert.equal(held.lost.aborted, true);
    await eventually(async () => (await redis.get(key)) === null);
  });

  test("a holder that cannot reach Redis gives up before another can get the lease", async () => {
    const key = newKey();
    const ttlMs = 500;
    const lease = await acquireLease({ redis, key, ttlMs, signal: never });
    process.kill(server.pid, "SIGSTOP");
    const stoppedAtMs = performance.now();
    try {
      // The signal comes when this process gets its turn; `held` is right at any time.
      let heldAtMs = stoppedAtMs;
      await eventually(() => {
        const nowMs = performance.now();
        if (lease.held) heldAtMs = nowMs;
        return lease.lost.aborted;
      }, 5_000);
      assert.ok(heldAtMs - stoppedAtMs <= ttlMs, `it was held for ${heldAtMs - stoppedAtMs} ms`);
      assert.equal(lease.held, false);
    } finally {
      process.kill(server.pid, "SIGCONT");
    }
  });

  test("it is taken also when Redis is full", async () => {
    await redis.config("SET", "maxmemory", "1mb");
    await assert.rejects(redis.set("x", "y"), /OOM/);
    const lease = await acquireLease({ redis, key: newKey(), ttlMs: 1_000, signal: AbortSignal.timeout(2_000) });
    await lease.release();
    await redis.config("SET", "maxmemory", "1gb");
  });
});
