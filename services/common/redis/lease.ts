import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { defineScript, runScript } from "./script.ts";

/** Leases are taken also when Redis is full: the one who is to make room needs one. */
const ACQUIRE = defineScript("return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX')", { whenFull: true });

const RENEW = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`);

const RELEASE = defineScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`);

/** Between two attempts to get a lease that another holds, at most. */
export const LEASE_RETRY_MAX_MS = 1_000;

export interface LeaseOptions {
  redis: Redis;
  key: string;
  /** The lease ends this long after the last renewal; it is renewed three times as often. */
  ttlMs: number;
  /** Gives up waiting, or gives the lease back. */
  signal: AbortSignal;
}

/** A lease held by this process. `key` and `token` make it a Fence for writes. */
export interface Lease {
  readonly key: string;
  readonly token: string;
  /** Aborts when the lease is no longer ours, before another can have got it. */
  readonly lost: AbortSignal;
  /** Whether it is ours at this very moment: of a process that stood still the clock tells it before `lost` does. */
  readonly held: boolean;
  /** Gives the lease back, if it is still ours. */
  release(): Promise<void>;
}

/** Waits until the lease is free and takes it. Rejects with the signal's reason when that aborts first. */
export async function acquireLease(options: LeaseOptions): Promise<Lease> {
  for (;;) {
    const lease = await tryLease(options);
    if (lease !== undefined) return lease;
    const waitMs = Math.min(LEASE_RETRY_MAX_MS, options.ttlMs / 3) * (0.75 + Math.random() / 2);
    await delay(waitMs, undefined, { signal: options.signal });
  }
}

/** Takes the lease if it is free now; undefined when another holds it or Redis cannot be asked. */
export async function tryLease({ redis, key, ttlMs, signal }: LeaseOptions): Promise<Lease | undefined> {
  signal.throwIfAborted();
  const token = randomUUID();
  const askedAtMs = performance.now();
  const taken = await runScript(redis, ACQUIRE, [key], [token, ttlMs]).catch(() => null);
  if (taken === null) return undefined;
  return new HeldLease({ redis, key, ttlMs, signal }, token, askedAtMs);
}

class HeldLease implements Lease {
  readonly key: string;
  readonly token: string;
  readonly #options: LeaseOptions;
  readonly #lost = new AbortController();
  readonly #onAbort = (): void => void this.release();
  #timer: NodeJS.Timeout | undefined;
  /** By our own clock, counted from before the renewal was sent: never later than the end that Redis counts. */
  #endsAtMs: number;

  constructor(options: LeaseOptions, token: string, askedAtMs: number) {
    this.key = options.key;
    this.token = token;
    this.#options = options;
    this.#endsAtMs = askedAtMs + options.ttlMs;
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
    this.#schedule();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get held(): boolean {
    return !this.#lost.signal.aborted && performance.now() < this.#endsAtMs;
  }

  async release(): Promise<void> {
    if (!this.#end("the lease was given back")) return;
    const { redis, key } = this.#options;
    // Where Redis cannot be asked now the lease ends by itself.
    await runScript(redis, RELEASE, [key], [this.token]).catch(() => 0);
  }

  #schedule(): void {
    const leftMs = this.#endsAtMs - performance.now();
    const waitMs = Math.max(0, Math.min(this.#options.ttlMs / 3, leftMs));
    this.#timer = setTimeout(() => void this.#renew(), waitMs);
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    if (this.#lost.signal.aborted) return;
    const askedAtMs = performance.now();
    if (askedAtMs >= this.#endsAtMs) {
      this.#end("the lease could not be renewed in time");
      return;
    }
    const { redis, key, ttlMs } = this.#options;
    const answer = runScript(redis, RENEW, [key], [this.token, ttlMs]).catch(() => undefined);
    const late = delay(this.#endsAtMs - askedAtMs, undefined, { ref: false });
    const renewed = await Promise.race([answer, late]);
    if (renewed === 1) this.#endsAtMs = askedAtMs + ttlMs;
    else if (renewed === 0) this.#end("the lease has passed to another");
    if (!this.#lost.signal.aborted) this.#schedule();
  }

  /** False when it had ended before. */
  #end(reason: string): boolean {
    if (this.#lost.signal.aborted) return false;
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#lost.abort(new Error(reason));
    return true;
  }
}
