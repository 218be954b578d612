import type { Redis } from "ioredis";

/** What Redis uses, and may use. */
export interface RedisMemory {
  usedBytes: number;
  /** 0: there is no limit. */
  maxBytes: number;
}

/** From this part of its memory on Redis is so full that logs give up what others need: writes are refused when all of it is used. */
const PRESSURE = 0.8;
/** Part of its budget that a log keeps then: watchers that are a moment behind need not begin again. */
const KEPT = 0.1;

export async function readMemory(redis: Redis): Promise<RedisMemory> {
  const text = await redis.info("memory");
  return { usedBytes: numberIn(text, "used_memory"), maxBytes: numberIn(text, "maxmemory") };
}

export function isPressed(memory: RedisMemory): boolean {
  return excess(memory) > 0;
}

/** Bytes that a log of `logBytes` may have. `bytesMax`: wherever Redis has that much; `share`: its part of what Redis may use. */
export function logBudget(memory: RedisMemory, logBytes: number, limits: { bytesMax: number; share: number }): number {
  if (memory.maxBytes === 0) return limits.bytesMax;
  const budget = Math.min(limits.bytesMax, Math.floor(memory.maxBytes * limits.share));
  if (!isPressed(memory)) return budget;
  return Math.min(budget, Math.max(logBytes - excess(memory), Math.floor(budget * KEPT)));
}

function excess({ usedBytes, maxBytes }: RedisMemory): number {
  return maxBytes === 0 ? 0 : usedBytes - maxBytes * PRESSURE;
}

function numberIn(info: string, field: string): number {
  const found = new RegExp(`^${field}:(\\d+)`, "m").exec(info);
  if (!found) throw new Error(`Redis does not tell ${field}`);
  return Number(found[1]);
}
