import type { Redis } from "ioredis";
import { waitReady } from "../../redis/connect.ts";
import { redisFailure } from "../../redis/errors.ts";
import type { Reply } from "../link.ts";
import { REDIS_TIMEOUT_MS, text } from "../link.ts";
import { TailEntry } from "./tail.ts";

/** At most `count` entries behind a revision. */
export async function readLog(redis: Redis, key: string, after: number, count: number): Promise<TailEntry[]> {
  try {
    await waitReady(redis, REDIS_TIMEOUT_MS);
    const reply = await redis.callBuffer("XRANGE", key, `(${after}-0`, "+", "COUNT", count);
    return (reply as [Buffer, [Buffer, Buffer]][]).map(([id, [, data]]) => new TailEntry(revisionOf(id), data));
  } catch (error) {
    throw redisFailure(error);
  }
}

/** Of an entry id, `<revision>-0`. */
export function revisionOf(id: Buffer): number {
  return Number(id.toString("latin1", 0, id.length - 2));
}

export interface LogPosition {
  logId: string;
  revision: number;
  /** First revision that the log still has; `revision + 1` when it has none. */
  first: number;
}

/** From a reply of READ_POSITION. */
export function logPosition(reply: Reply): LogPosition {
  const revision = Number(text(reply[1]));
  const first = reply[4] ? revisionOf(reply[4] as Buffer) : revision + 1;
  return { logId: text(reply[0]), revision, first };
}
