import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { deadlineExceeded } from "../errors/errors.ts";
import { Interrupted } from "./interrupted.ts";

const BACKOFF_DEFAULT_MS = 200;
const BACKOFF_MAX_MS = 10_000;

export interface AttemptOptions {
  /** For errors and logs, for example `step pull-image`. */
  what: string;
  /** Of each try. */
  timeoutMs: number;
  attempts: number;
  backoffMs?: number | undefined;
  /** Whether an error is worth another try. */
  retryable: (error: unknown) => boolean;
  /** The process stops or the lease is lost: ends as Interrupted. */
  interrupt: AbortSignal;
  /** Cancellation was asked for: its reason is thrown. Absent for work that can't be cancelled. */
  cancel?: AbortSignal | undefined;
  /** How long a try may take to settle after its signal aborted. */
  settleMs: number;
  log: Logger;
}

/**
 * Runs `work` until it succeeds, fails for good, was tried `attempts` times, is cancelled or interrupted. Its signal aborts on timeout,
 * cancel and interruption, and it is then waited for: what comes next never runs beside it, unless it ignores its signal for
 * `settleMs`.
 */
export async function attempt(work: (signal: AbortSignal) => Promise<void>, options: AttemptOptions): Promise<void> {
  let backoffMs = options.backoffMs ?? BACKOFF_DEFAULT_MS;
  for (let tried = 1; ; tried += 1) {
    try {
      return await once(work, options);
    } catch (error) {
      stopIfAborted(options, error);
      if (tried >= options.attempts || !options.retryable(error)) throw error;
      options.log.info({ err: error, tried, attempts: options.attempts, backoffMs }, `${options.what} is tried again`);
    }
    await pause(backoffMs, options);
    backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
  }
}

function stopIfAborted({ interrupt, cancel }: AttemptOptions, cause?: unknown): void {
  if (interrupt.aborted) throw new Interrupted(String(interrupt.reason), cause);
  cancel?.throwIfAborted();
}

async function pause(ms: number, options: AttemptOptions): Promise<void> {
  const signal = options.cancel ? AbortSignal.any([options.interrupt, options.cancel]) : options.interrupt;
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    stopIfAborted(options, error);
    throw error;
  });
}

async function once(work: (signal: AbortSignal) => Promise<void>, options: AttemptOptions): Promise<void> {
  stopIfAborted(options);
  const { what, timeoutMs, interrupt, cancel, settleMs } = options;
  const timeout = new AbortController();
  const timer = setTimeout(
    () => timeout.abort(deadlineExceeded(`${what} did not finish within ${timeoutMs} ms`)),
    timeoutMs,
  );
  const signals = [interrupt, timeout.signal];
  if (cancel) signals.push(cancel);
  const signal = AbortSignal.any(signals);
  let giveUp: NodeJS.Timeout | undefined;
  const ignored = Promise.withResolvers<never>();
  const onAbort = (): void => {
    giveUp = setTimeout(() => {
      options.log.error({ settleMs }, `${what} ignored its signal and is given up`);
      ignored.reject(signal.reason as Error);
    }, settleMs);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([work(signal), ignored.promise]);
  } catch (error) {
    // A client that was cut off reports its own error; the timeout is the reason for it.
    throw timeout.signal.aborted ? (timeout.signal.reason as Error) : error;
  } finally {
    clearTimeout(timer);
    clearTimeout(giveUp);
    signal.removeEventListener("abort", onAbort);
  }
}
