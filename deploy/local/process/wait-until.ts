import { setTimeout as delay } from "node:timers/promises";

export interface WaitOptions {
  /** What is waited for, as the error names it. */
  what: string;
  timeoutMs: number;
  intervalMs?: number;
  signal?: AbortSignal;
}

const INTERVAL_MS = 50;

/** Waits until `check` gives something other than undefined or throws no more; the last reason is in the error. */
export async function waitUntil<T>(
  check: (signal: AbortSignal) => Promise<T | undefined>,
  options: WaitOptions,
): Promise<T> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  let reason: unknown;
  for (;;) {
    try {
      const value = await check(signal);
      if (value !== undefined) return value;
    } catch (error) {
      reason = error;
    }
    if (!signal.aborted) {
      await delay(options.intervalMs ?? INTERVAL_MS, undefined, { signal }).catch((error: Error) => {
        if (error.name !== "AbortError") throw error;
      });
    }
    if (options.signal?.aborted) throw options.signal.reason;
    if (timeout.aborted) {
      const because = reason instanceof Error ? `: ${reason.message}` : "";
      throw new Error(`${options.what}: not within ${options.timeoutMs / 1000} s${because}`, { cause: reason });
    }
  }
}
