import { setTimeout as delay } from "node:timers/promises";
import { status as Code } from "@grpc/grpc-js";
import type { Redis } from "ioredis";
import { GantryError } from "../errors/errors.ts";
import { waitReady } from "../redis/connect.ts";
import { redisFailure, unreachable } from "../redis/errors.ts";
import { runScript } from "../redis/script.ts";
import type { Script, ScriptArgument } from "../redis/script.ts";
import type { RealmClock } from "./clock.ts";
import type { LogIdentity } from "./identity.ts";

/** A call waits this long for Redis to come back, and this long for its reply. */
export const REDIS_TIMEOUT_MS = 5_000;
const RETRY_MS = 20;

/** Options of every connection that a store opens: a lost connection fails what was sent, so that nothing is ever sent twice. */
export const LINK_OPTIONS = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  protocol: 2,
} as const;

/** Redis has another log, or less of it, than this process knows: it was wiped, rolled back or failed over. */
export class Regressed extends Error {
  constructor() {
    super("Redis has another log than this process knows");
  }
}

export type Reply = (Buffer | number | null | Reply)[];

/** Runs the store's scripts on one connection and watches over the log's identity in every reply. */
export class RedisLink {
  readonly redis: Redis;
  readonly identity: LogIdentity;
  readonly clock: RealmClock;

  constructor(redis: Redis, identity: LogIdentity, clock: RealmClock) {
    this.redis = redis;
    this.identity = identity;
    this.clock = clock;
  }

  /** Waits until Redis can be asked; UNAVAILABLE after REDIS_TIMEOUT_MS. */
  async ready(): Promise<void> {
    if (this.redis.status === "ready") return;
    await waitReady(this.redis, REDIS_TIMEOUT_MS).catch(async (error: unknown) => {
      throw await unreachable(this.redis, error);
    });
  }

  /** A script that only reads; throws Regressed when the log is not the one that this process knows. */
  async read(script: Script, keys: string[], args: ScriptArgument[]): Promise<Reply> {
    const { logId, seen } = this.identity;
    const reply = await this.readAny(script, keys, args);
    if (text(reply[0]) !== logId || Number(text(reply[1])) < seen) throw new Regressed();
    this.identity.see(Number(text(reply[1])));
    return reply;
  }

  /** As read, whatever the log is. A read has no effect, so it is asked again when the connection breaks, for REDIS_TIMEOUT_MS. */
  async readAny(script: Script, keys: string[], args: ScriptArgument[]): Promise<Reply> {
    const endMs = performance.now() + REDIS_TIMEOUT_MS;
    for (;;) {
      await this.ready();
      try {
        const reply = (await runScript(this.redis, script, keys, args)) as Reply;
        this.clock.observe(Number(text(reply[2])), Number(text(reply[3])));
        return reply;
      } catch (error) {
        const failure = redisFailure(error);
        if (!(failure instanceof GantryError) || failure.code !== Code.UNAVAILABLE || performance.now() > endMs)
          throw failure;
      }
      // A broken connection is not always known to be one at once.
      await delay(RETRY_MS);
    }
  }
}

export function text(value: Buffer | number | null | Reply | undefined): string {
  return value === null || value === undefined ? "" : value.toString();
}
