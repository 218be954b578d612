import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "pino";

export const HEARTBEAT_INTERVAL_MS = 2_000;
/** Counted by Redis: a host of which nothing is heard for that long is lost. */
export const HEARTBEAT_TTL_MS = 7_000;

export function heartbeatKey(prefix: string, host: string): string {
  return `${prefix}:alive:${host}`;
}

export interface HeartbeatOptions {
  redis: Redis;
  /** The store's. */
  prefix: string;
  /** Host id. */
  host: string;
  log: Logger;
  signal: AbortSignal;
}

/** Says once that the host is there, until the heartbeat's time is up. Rejects when Redis does not take it. */
export async function beat({ redis, prefix, host }: HeartbeatOptions): Promise<void> {
  await redis.set(heartbeatKey(prefix, host), String(process.pid), "PX", HEARTBEAT_TTL_MS);
}

/** Keeps the heartbeat up until `signal` aborts. It is not taken back then: a service that restarts is no lost host. */
export async function keepBeating(options: HeartbeatOptions): Promise<void> {
  const { log, signal } = options;
  let failing = false;
  while (!signal.aborted) {
    const startedMs = performance.now();
    try {
      await beat(options);
      if (failing) log.info("the host's heartbeat is up again");
      failing = false;
    } catch (error) {
      if (!failing && !signal.aborted) log.warn({ err: error }, "the host's heartbeat does not get through");
      failing = true;
    }
    const leftMs = Math.max(0, HEARTBEAT_INTERVAL_MS - (performance.now() - startedMs));
    await delay(leftMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Which of the hosts have a heartbeat, in their order. */
export async function areAlive(redis: Redis, prefix: string, hosts: readonly string[]): Promise<boolean[]> {
  if (hosts.length === 0) return [];
  const values = await redis.mget(hosts.map((host) => heartbeatKey(prefix, host)));
  return values.map((value) => value !== null);
}
