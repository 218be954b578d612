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
  return unavailable("REDIS_UNAVAILABLE", "the realm's Redis is not reachable: try again", error);
}
