import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { unavailable } from "../../errors/errors.ts";
import { redisFailure, unreachable } from "../../redis/errors.ts";
import type { StoreKeys } from "../../redis/keys.ts";
import { runScript } from "../../redis/script.ts";
import type { RecordFiles } from "../files/record-files.ts";
import { LogIdentity } from "../identity.ts";
import type { RedisLink } from "../link.ts";
import { REDIS_TIMEOUT_MS, text } from "../link.ts";
import type { LogTail } from "../log/tail.ts";
import { READ_POSITION } from "../lua/read.ts";
import { RENEW } from "../lua/renew.ts";

const CHECK_INTERVAL_MS = 1_000;
const RETRY_MS = 250;

export type StoreState = "live" | "rebuilding";

export interface RecoveryOptions {
  link: RedisLink;
  keys: StoreKeys;
  tail: LogTail;
  files: RecordFiles;
  log: Logger;
  signal: AbortSignal;
  /** Brings Redis and the record files together, once the log is settled. `restore`: files may hold what Redis has lost. */
  reconcile: (logId: string) => Promise<void>;
  /** The records are whole again; what was read before may be different now. */
  onRebuilt: () => void;
}

/**
 * Watches over the log's identity. When Redis turns out to have another log, or less of it, than was seen here, the log is renewed
 * (once in the realm: whoever is first) and the records are put back from the files of this host.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  #state: StoreState = "rebuilding";
  #suspected = false;
  #verifying: Promise<void> | undefined;
  #rebuilding: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #listeners = new Set<(state: StoreState) => void>();

  constructor(options: RecoveryOptions) {
    this.#options = options;
    options.link.redis.on("close", () => (this.#suspected = true));
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Calls back at each change; returns the way to stop. */
  onState(listener: (state: StoreState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** First look at the log, then one each CHECK_INTERVAL_MS. */
  async start(): Promise<void> {
    await this.#rebuild(false);
    this.#timer = setInterval(() => {
      if (this.#options.link.redis.status !== "ready") return;
      this.verify().catch((error: unknown) => this.#options.log.debug({ err: error }, "the log cannot be checked now"));
    }, CHECK_INTERVAL_MS);
    this.#timer.unref();
    this.#options.signal.addEventListener("abort", () => clearInterval(this.#timer), { once: true });
  }

  /** Passes when the records are whole; UNAVAILABLE when they are not within REDIS_TIMEOUT_MS. */
  async gate(): Promise<void> {
    if (this.#state === "live" && !this.#suspected) return;
    const settled = this.#suspected ? this.verify() : this.#rebuilding;
    const timer = new AbortController();
    const late = delay(REDIS_TIMEOUT_MS, true, { signal: timer.signal }).catch(() => false);
    try {
      const isLate = await Promise.race([settled?.then(() => false), late]);
      const { redis } = this.#options.link;
      if (isLate && redis.status !== "ready") throw await unreachable(redis, new Error("Redis does not answer"));
    } finally {
      timer.abort();
    }
    if (this.#state !== "live") {
      throw unavailable("REBUILDING", "the records are being rebuilt after a loss of Redis data: try again");
    }
  }

  /** A reply did not fit: the next call through the gate looks first. */
  suspect(): void {
    this.#suspected = true;
  }

  /** Compares the log with what was seen of it; rebuilds when it is another. */
  verify(): Promise<void> {
    this.#verifying ??= this.#verify().finally(() => (this.#verifying = undefined));
    return this.#verifying;
  }

  async #verify(): Promise<void> {
    if (this.#rebuilding !== undefined) return this.#rebuilding;
    const { link, keys, tail } = this.#options;
    const { logId, seen } = link.identity;
    const { last, lastWriteId } = tail;
    const reply = await link.readAny(READ_POSITION, [keys.meta, keys.log], [last]);
    const revision = Number(text(reply[1]));
    const first = Number(text(reply[4]).split("-")[0]);
    const same = text(reply[0]) === logId && revision >= seen;
    // The counter alone does not tell a log that was rolled back and has grown again since.
    const diverged = same && lastWriteId !== "" && first <= last && text(reply[5]) !== lastWriteId;
    this.#suspected = false;
    if (!same || diverged) await this.#rebuild(diverged);
  }

  #rebuild(diverged: boolean): Promise<void> {
    this.#rebuilding ??= this.#rebuildUntilDone(diverged).finally(() => (this.#rebuilding = undefined));
    return this.#rebuilding;
  }

  async #rebuildUntilDone(diverged: boolean): Promise<void> {
    const { log, signal } = this.#options;
    this.#setState("rebuilding");
    for (;;) {
      signal.throwIfAborted();
      try {
        const logId = await this.#settleLog(diverged);
        if (logId === undefined) continue;
        await this.#options.reconcile(logId);
        break;
      } catch (error) {
        if (signal.aborted) throw error;
        log.warn({ err: error }, "the records cannot be rebuilt yet");
        await delay(RETRY_MS, undefined, { signal });
      }
    }
    this.#suspected = false;
    this.#setState("live");
    this.#options.onRebuilt();
  }

  /** Takes up the log that Redis has, or begins a new one where that has lost something. Undefined: another process was first. */
  async #settleLog(diverged: boolean): Promise<string | undefined> {
    const { link, keys, tail, files, log } = this.#options;
    const { identity } = link;
    await files.drain();
    identity.see(files.highestVersion);
    const reply = await link.readAny(READ_POSITION, [keys.meta, keys.log], [0]);
    let logId = text(reply[0]);
    let revision = Number(text(reply[1]));
    if (logId === "" || revision < identity.seen || (diverged && logId === identity.logId)) {
      const fresh = LogIdentity.newLogId();
      const renewed = await this.#renew(logId, text(reply[1]), fresh);
      if (renewed.logId !== fresh) return undefined;
      log.info({ logId: fresh, before: logId, revision, seen: identity.seen }, "a new log begins");
      ({ logId, revision } = renewed);
    }
    identity.logId = logId;
    identity.see(revision);
    tail.restart(logId, revision);
    return logId;
  }

  async #renew(logId: string, revision: string, fresh: string): Promise<{ logId: string; revision: number }> {
    const { link, keys } = this.#options;
    const names = [keys.meta, keys.log, keys.ages, keys.snapshots, keys.restored];
    try {
      const reply = await runScript(link.redis, RENEW, names, [logId, revision, fresh, link.identity.seen]);
      const [current, at] = reply as Buffer[];
      return { logId: text(current), revision: Number(text(at)) };
    } catch (error) {
      throw redisFailure(error);
    }
  }

  #setState(state: StoreState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}
