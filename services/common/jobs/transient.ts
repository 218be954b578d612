import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../errors/errors.ts";

const TRANSIENT_CODES: ReadonlySet<Code> = new Set([Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED]);

/** As redis/errors.ts names it. */
const REDIS_LIMIT = "redis maxmemory";

/** A lost lease stays lost; an etag that is not the current one stays wrong. */
const NEVER_TRANSIENT: ReadonlySet<string> = new Set(["FENCED", "ETAG_MISMATCH"]);

/** System errors of a peer that is not there right now: a daemon being restarted has no socket file for a moment. */
const TRANSIENT_ERRNO: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
]);

/** ioredis has no codes for a connection that went away under a command. */
const REDIS_GONE =
  /^(Connection is closed\.|Stream isn't writeable|LOADING |READONLY |TRYAGAIN |CLUSTERDOWN |MASTERDOWN )/;

/** Whether the same call may well succeed a moment later. Looks through `cause`. */
export function isTransient(error: unknown): boolean {
  for (let depth = 0, at = error; depth < 5 && at instanceof Error; depth += 1, at = at.cause) {
    if (at instanceof GantryError) {
      if (NEVER_TRANSIENT.has(at.reason)) return false;
      // ABORTED is a lost race of writes.
      return TRANSIENT_CODES.has(at.code) || at.code === Code.ABORTED;
    }
    if (at.name === "MaxRetriesPerRequestError" || REDIS_GONE.test(at.message)) return true;
    const { code, syscall } = at as NodeJS.ErrnoException;
    if (code !== undefined && TRANSIENT_ERRNO.has(code)) return true;
    if (code === "ENOENT" && syscall === "connect") return true;
  }
  return false;
}

/** The write was refused because the lease of the queue has passed to another process. */
export function isFenced(error: unknown): boolean {
  return error instanceof GantryError && error.reason === "FENCED";
}

/** What runs already must not be undone because its progress can't be written for want of memory. */
export function isRedisFull(error: unknown): boolean {
  return (
    error instanceof GantryError && error.code === Code.RESOURCE_EXHAUSTED && error.metadata["limit"] === REDIS_LIMIT
  );
}
