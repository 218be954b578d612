import { setTimeout as delay } from "node:timers/promises";
import { Interrupted } from "./interrupted.ts";
import { isFenced, isRedisFull, isTransient } from "./transient.ts";

const RETRY_MS = 100;
const FULL_RETRY_MS = 1_000;

/** Tries a read or write of the store again while Redis is away or full, until `interrupt` aborts. A lost fence ends as Interrupted. */
export async function persistently<R>(work: () => Promise<R>, interrupt: AbortSignal): Promise<R> {
  for (;;) {
    if (interrupt.aborted) throw new Interrupted(String(interrupt.reason));
    let retryMs: number;
    try {
      return await unlessAborted(work(), interrupt);
    } catch (error) {
      if (isFenced(error)) throw new Interrupted("the lease of the queue has passed to another process", error);
      const full = isRedisFull(error);
      if (error instanceof Interrupted || !(full || isTransient(error))) throw error;
      retryMs = full ? FULL_RETRY_MS : RETRY_MS;
    }
    // Aborting is looked at above.
    await delay(retryMs, undefined, { signal: interrupt }).catch(() => {});
  }
}

/** A command given to a Redis that is away may stay unanswered: what is lost must not wait for it. */
function unlessAborted<R>(work: Promise<R>, interrupt: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Interrupted(String(interrupt.reason)));
    interrupt.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => interrupt.removeEventListener("abort", onAbort));
  });
}
