import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { StoreKeys } from "../../redis/keys.ts";
import { defineScript, runScript } from "../../redis/script.ts";
import type { RealmClock } from "../clock.ts";

/** A hold ends by itself this long after its last renewal: a process that died does not keep the log for ever. */
export const HOLD_TTL_MS = 60_000;

const HOLD = defineScript("return redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])", { whenFull: true });

/** Keeps the log from being trimmed behind a revision. */
export interface LogHold extends AsyncDisposable {
  renew(): Promise<void>;
}

/** A hold that cannot be taken is no failure: whoever needs the log notices a gap in it. */
export async function holdLog(
  redis: Redis,
  keys: StoreKeys,
  clock: RealmClock,
  revision: number,
  log: Logger,
): Promise<LogHold> {
  const member = `${revision}:${randomUUID()}`;
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      log.debug({ err: error }, "a hold on the log could not be changed");
    }
  };
  const renew = (): Promise<void> =>
    attempt(() => runScript(redis, HOLD, [keys.snapshots], [Math.round(clock.nowMs() + HOLD_TTL_MS), member]));
  await renew();
  return { renew, [Symbol.asyncDispose]: () => attempt(() => redis.zrem(keys.snapshots, member)) };
}
