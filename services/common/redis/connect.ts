import { Redis } from "ioredis";
import type { RedisOptions } from "ioredis";

/** ioredis's options; replies always come in the shape that it calls legacy. */
export type ConnectOptions = Omit<RedisOptions, "replyMapping">;

/** Between two attempts to reach Redis, at most. */
export const RECONNECT_DELAY_MAX_MS = 1_000;

/**
 * Opens a connection to `redis://…`, `rediss://…` or `unix:///path/to/redis.sock` (optionally `?db=N`). It reconnects for ever; errors
 * of the connection itself are given to `onError` (they repeat while Redis is away), never thrown.
 */
export function connectRedis(
  url: string,
  options: ConnectOptions = {},
  onError: (error: Error) => void = ignore,
): Redis {
  const settings: ConnectOptions = { retryStrategy: reconnectDelayMs, ...options };
  const redis = url.startsWith("unix:") ? new Redis({ ...settings, ...unixOptions(url) }) : new Redis(url, settings);
  redis.on("error", onError);
  // Everything that waits for the connection listens to it: their number is bounded where they wait.
  redis.setMaxListeners(0);
  return redis;
}

function unixOptions(url: string): { path: string; db: number } {
  const { pathname, searchParams } = new URL(url);
  if (pathname === "") throw new TypeError("a unix Redis URL has the form unix:///path/to/redis.sock");
  return { path: decodeURIComponent(pathname), db: Number(searchParams.get("db") ?? 0) };
}

/** 50 ms, doubling to RECONNECT_DELAY_MAX_MS, with jitter so that the processes of a realm do not come back in step. */
function reconnectDelayMs(attempt: number): number {
  const delayMs = Math.min(RECONNECT_DELAY_MAX_MS, 50 * 2 ** Math.min(attempt, 10));
  return Math.round(delayMs * (0.5 + Math.random() / 2));
}

/** The state of the connection is read from its `status` and from failing commands; the error event tells nothing more. */
function ignore(): void {}

/** Resolves when the connection can take commands; rejects after `timeoutMs` or when the connection was ended. */
export function waitReady(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === "ready") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(new Error(`Redis is not reachable (waited ${timeoutMs} ms)`)), timeoutMs);
    const onReady = (): void => finish();
    const onEnd = (): void => finish(new Error("the connection to Redis was ended"));
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      redis.off("ready", onReady);
      redis.off("end", onEnd);
      if (error === undefined) resolve();
      else reject(error);
    };
    redis.on("ready", onReady);
    redis.on("end", onEnd);
    if (redis.status === "end") onEnd();
  });
}
