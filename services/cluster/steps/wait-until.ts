import { setTimeout as delay } from "node:timers/promises";
import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../common/errors/errors.ts";
import { KubernetesError } from "../kubernetes/errors.ts";

export interface Wait<T> {
  /** For the error: `the API of dev answers`. */
  what: string;
  timeoutMs: number;
  intervalMs: number;
  signal: AbortSignal;
  /** Undefined, or an error that may pass: not yet. */
  look: () => Promise<T | undefined>;
  /** Throws when waiting is of no use any more. */
  giveUp?: () => void | Promise<void>;
}

/** FAILED_PRECONDITION NOT_IN_TIME, with why it is not so yet, when the time is over. */
export async function waitUntil<T>({ what, timeoutMs, intervalMs, signal, look, giveUp }: Wait<T>): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  let reason = "";
  for (;;) {
    await giveUp?.();
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof GantryError) || !mayPass(error)) throw error;
      reason = `: ${error.message}`;
    }
    if (performance.now() > deadlineMs) {
      // Not DEADLINE_EXCEEDED, which the runner would take for a reason to try the whole wait again.
      throw new GantryError(Code.FAILED_PRECONDITION, `${what}: not within ${timeoutMs / 1000} s${reason}`, {
        reason: "NOT_IN_TIME",
        metadata: { timeoutMs: String(timeoutMs) },
      });
    }
    await delay(intervalMs, undefined, { signal });
  }
}

/** What is starting says so with 500. */
function mayPass(error: GantryError): boolean {
  const { code } = error;
  if (error instanceof KubernetesError && error.statusCode >= 500) return true;
  return code === Code.UNAVAILABLE || code === Code.DEADLINE_EXCEEDED || code === Code.ABORTED;
}
