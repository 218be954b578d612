import type { Redis } from "ioredis";
import { waitReady } from "../../redis/connect.ts";
import { redisFailure } from "../../redis/errors.ts";
import { runScript } from "../../redis/script.ts";
import type { Reply } from "../link.ts";
import { REDIS_TIMEOUT_MS, text } from "../link.ts";
import { READ_LOG } from "../lua/read-log.ts";

/** Whole writes that follow each other in the log. */
export interface LogChunk {
  count: number;
  /** Of no meaning when there are none. */
  first: number;
  last: number;
  /** Their events, encoded, as they stand in a WatchResponse. */
  data: Buffer;
}

/** At most `count` entries behind a revision, and at most `bytes` of them, or one that is larger. */
export async function readLog(
  redis: Redis,
  key: string,
  after: number,
  count: number,
  bytes: number,
): Promise<LogChunk> {
  try {
    await waitReady(redis, REDIS_TIMEOUT_MS);
    const reply = (await runScript(redis, READ_LOG, [key], [after, count, bytes])) as Reply;
    if (reply[0] === 0) return { count: 0, first: 0, last: after, data: Buffer.alloc(0) };
    const [first, last, data] = reply.slice(1) as Buffer[];
    return { count: Number(reply[0]), first: revisionOf(first!), last: revisionOf(last!), data: data! };
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
