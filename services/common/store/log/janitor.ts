import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { StoreKeys } from "../../redis/keys.ts";
import { acquireLease } from "../../redis/lease.ts";
import { defineScript, runScript } from "../../redis/script.ts";
import { isPressed, logBudget, type RedisMemory, readMemory } from "./memory.ts";

/** What the log keeps, whichever limit is reached first. */
export interface LogLimits {
  entriesMax: number;
  bytesMax: number;
  ageMaxMs: number;
}

/** With the part of Redis's memory (up to 1) that it may take, where Redis has a limit. */
export interface LogPolicy extends LogLimits {
  memoryShare: number;
}

export const LOG_POLICY: LogPolicy = {
  entriesMax: 1_000_000,
  bytesMax: 512 * 1024 * 1024,
  ageMaxMs: 24 * 3600 * 1000,
  memoryShare: 0.2,
};

/** Of deleted records' uids kept in Redis. */
const GONE_MAX = 10_000;
const LEASE_TTL_MS = 15_000;
/** Entries dropped by one call, so that Redis is not held up. */
const TRIM_STEP_ENTRIES = 10_000;
const ROUND_INTERVAL_MS = 10_000;
/** Between looks at how full Redis is: between two of them, writers must not fill what it has left. */
const LOOK_INTERVAL_MS = 500;

/**
 * Finds how far the log is to be trimmed and trims at most a step of it. What running snapshots need stays.
 *
 * KEYS meta, log, ages, snapshots, gone. ARGV now (ms), most entries, most bytes, highest age (ms), step, most of gone.
 * Replies 1 when there is more to trim.
 */
const TRIM = defineScript(
  `
local now = tonumber(ARGV[1])
local revision = tonumber(redis.call('HGET', KEYS[1], 'revision'))
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -tonumber(ARGV[6]) - 1)
if not revision or not first then return 0 end
first = tonumber(string.match(first[1], '^%d+'))

local keep = revision - tonumber(ARGV[2]) + 1
local bytes = redis.call('MEMORY', 'USAGE', KEYS[2], 'SAMPLES', 5)
if bytes > tonumber(ARGV[3]) then
  local length = redis.call('XLEN', KEYS[2])
  keep = math.max(keep, revision - math.floor(length * tonumber(ARGV[3]) / bytes) + 1)
end
local horizon = now - tonumber(ARGV[4])
local old = redis.call('ZREVRANGEBYSCORE', KEYS[3], horizon, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
if old[1] then
  keep = math.max(keep, tonumber(old[1]) + 1)
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. old[2])
end
redis.call('ZADD', KEYS[3], now, string.format('%.0f', revision))

redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
for _, snapshot in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
  keep = math.min(keep, tonumber(string.match(snapshot, '^%d+')) + 1)
end
if keep <= first then return 0 end
local step = math.min(keep, first + tonumber(ARGV[5]))
redis.call('XTRIM', KEYS[2], 'MINID', '=', string.format('%.0f-0', step))
return step < keep and 1 or 0
`,
  { whenFull: true },
);

/** One round of trimming. */
export async function trimLog(redis: Redis, keys: StoreKeys, limits: LogLimits, nowMs: number): Promise<void> {
  const names = [keys.meta, keys.log, keys.ages, keys.snapshots, keys.gone];
  const { entriesMax, bytesMax, ageMaxMs } = limits;
  const args = [Math.round(nowMs), entriesMax, bytesMax, ageMaxMs, TRIM_STEP_ENTRIES, GONE_MAX];
  while ((await runScript(redis, TRIM, names, args)) === 1);
}

export interface JanitorOptions {
  redis: Redis;
  keys: StoreKeys;
  policy: LogPolicy;
  nowMs: () => number;
  log: Logger;
  signal: AbortSignal;
}

/** Trims the log for as long as the process runs, sooner where Redis is getting full; one process of the service at a time. */
export async function runJanitor(options: JanitorOptions): Promise<void> {
  const { redis, keys, log, signal } = options;
  while (!signal.aborted) {
    try {
      const lease = await acquireLease({ redis, key: keys.janitor, ttlMs: LEASE_TTL_MS, signal });
      let roundMs = -Infinity;
      while (!lease.lost.aborted) {
        const memory = await readMemory(redis);
        if (isPressed(memory) || performance.now() - roundMs >= ROUND_INTERVAL_MS) {
          roundMs = performance.now();
          await trimWithin(options, memory);
        }
        await delay(LOOK_INTERVAL_MS, undefined, { signal: lease.lost });
      }
    } catch (error) {
      if (signal.aborted) return;
      log.debug({ err: error }, "the log cannot be trimmed now");
      await delay(ROUND_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function trimWithin({ redis, keys, policy, nowMs }: JanitorOptions, memory: RedisMemory): Promise<void> {
  const { bytesMax, memoryShare: share } = policy;
  const logBytes = (await redis.memory("USAGE", keys.log)) ?? 0;
  await trimLog(redis, keys, { ...policy, bytesMax: logBudget(memory, logBytes, { bytesMax, share }) }, nowMs());
}
