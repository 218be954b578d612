import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Redis } from "ioredis";
import { GantryError, resourceExhausted, unavailable } from "../errors/errors.ts";

/** Redis has reached `maxmemory`. Redis starts such an answer with "OOM"; inside a script it may come later in the text. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && /(^|\W)OOM /.test(error.message);
}

/** Redis answered: the command was refused, so nothing is in doubt. */
export function isReplyError(error: unknown): boolean {
  return error instanceof Error && error.name === "ReplyError";
}

/** What a caller may read about a failed Redis command. Errors that are GantryErrors already pass through. */
export function redisFailure(error: unknown): Error {
  if (error instanceof GantryError) return error;
  if (isOutOfMemory(error)) {
    return resourceExhausted(
      "redis maxmemory",
      "the realm's Redis is full: delete what is not needed or raise its limit",
    );
  }
  if (
    isReplyError(error) &&
    !/^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|BUSY|TRYAGAIN)/.test((error as Error).message)
  ) {
    return error as Error;
  }
  return unavailable(REDIS_UNAVAILABLE, NOT_REACHABLE, error);
}

const REDIS_UNAVAILABLE = "REDIS_UNAVAILABLE";
const NOT_REACHABLE = "the realm's Redis is not reachable: try again";
/** With less than this left, Redis ends at its next write. */
const FULL_BYTES = 1024 * 1024;

/** Why Redis cannot be asked. One on this machine ends when its disk is full, as it may not answer what it cannot keep. */
export async function unreachable(redis: Redis, cause: unknown): Promise<GantryError> {
  const { path } = redis.options;
  const full = typeof path === "string" && (await freeBytes(dirname(path))) < FULL_BYTES;
  const message = full
    ? "the realm's Redis is not reachable, since the disk that holds its data is full: free some space on the host"
    : NOT_REACHABLE;
  return unavailable(REDIS_UNAVAILABLE, message, cause);
}

/** Infinity where it cannot be known. */
async function freeBytes(folder: string): Promise<number> {
  return statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => Number.POSITIVE_INFINITY,
  );
}
