import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { waitReady } from "../../redis/connect.ts";
import type { LogIdentity } from "../identity.ts";
import { schemasOf } from "../identity.ts";
import { REDIS_TIMEOUT_MS } from "../link.ts";
import type { LogTail } from "./tail.ts";
import { revisionOf } from "./read-log.ts";
import { TailEntry } from "./tail.ts";

const BATCH_ENTRIES = 1_000;
const BLOCK_MS = 1_000;

export interface FollowerOptions {
  /** A connection of its own: it blocks. */
  redis: Redis;
  logKey: string;
  identity: LogIdentity;
  tail: LogTail;
  log: Logger;
  signal: AbortSignal;
  /** Each entry, in order. */
  onEntry: (entry: TailEntry) => void;
  /** Redis answers again, or what it answers does not follow on: find out whether it is the same log. */
  verify: (reconnected: boolean) => Promise<void>;
  /** Entries were trimmed before this process had read them; the tail was moved behind them. */
  onGap: () => void;
}

/** Reads the log into the tail for as long as the process runs. */
export async function followLog(options: FollowerOptions): Promise<void> {
  const { redis, logKey, tail, log, signal } = options;
  let reconnected = false;
  while (!signal.aborted) {
    try {
      await waitReady(redis, REDIS_TIMEOUT_MS);
      if (reconnected) await options.verify(true);
      reconnected = false;
      const logId = tail.logId;
      const entries = await readBehind(redis, logKey, tail.last);
      // The log was renewed while we waited: these may be of either.
      if (tail.logId !== logId) continue;
      await take(entries, options);
    } catch (error) {
      if (signal.aborted) return;
      reconnected = true;
      log.debug({ err: error }, "the log cannot be read now");
      await delay(100, undefined, { signal }).catch(() => undefined);
    }
  }
}

type RawEntry = [id: Buffer, fields: [writeId: Buffer, data: Buffer]];

/** At most BATCH_ENTRIES; waits up to BLOCK_MS for the first. A Redis that hangs costs REDIS_TIMEOUT_MS and the connection. */
async function readBehind(redis: Redis, key: string, revision: number): Promise<RawEntry[]> {
  const timer = setTimeout(() => redis.disconnect(true), BLOCK_MS + REDIS_TIMEOUT_MS);
  try {
    const command = ["COUNT", BATCH_ENTRIES, "BLOCK", BLOCK_MS, "STREAMS", key, `${revision}-0`];
    const reply = (await redis.callBuffer("XREAD", ...command)) as [Buffer, RawEntry[]][] | null;
    return reply?.[0]?.[1] ?? [];
  } finally {
    clearTimeout(timer);
  }
}

async function take(entries: RawEntry[], options: FollowerOptions): Promise<void> {
  const { tail, identity } = options;
  for (const [id, [writeId, data]] of entries) {
    const revision = revisionOf(id);
    if (revision !== tail.last + 1) {
      const logId = tail.logId;
      await options.verify(false);
      if (tail.logId !== logId) return;
      tail.restart(logId, revision - 1);
      options.onGap();
    }
    const writer = writeId.toString("latin1");
    const entry = new TailEntry(revision, data, schemasOf(writer));
    tail.append(entry, writer);
    identity.see(revision);
    options.onEntry(entry);
  }
  if (entries.length > 0) tail.wake();
}
