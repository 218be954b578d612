interface Waiter {
  urgent: boolean;
  begin: () => void;
}

/**
 * How many containers the engine makes or starts at the same time. These calls are work for the processors: beyond about four for each of
 * them everything gets slower, what is under way included. Starts go before creations, so that what has begun is finished first.
 */
export class EngineSlots {
  readonly #max: number;
  readonly #waiting: Waiter[] = [];
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Runs `work` when its turn has come; rejects with the signal's reason when that does not come in time. */
  async run<R>(urgent: boolean, signal: AbortSignal, work: () => Promise<R>): Promise<R> {
    await this.#take(urgent, signal);
    try {
      return await work();
    } finally {
      this.#used -= 1;
      this.#next();
    }
  }

  async #take(urgent: boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#used < this.#max) {
      this.#used += 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { urgent, begin: resolve };
    const behind = urgent ? this.#waiting.findIndex((other) => !other.urgent) : -1;
    if (behind === -1) this.#waiting.push(waiter);
    else this.#waiting.splice(behind, 0, waiter);
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(waiter);
      // Its turn may have come at this very moment: then the work itself meets the signal.
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #next(): void {
    if (this.#used >= this.#max) return;
    const waiter = this.#waiting.shift();
    if (!waiter) return;
    this.#used += 1;
    waiter.begin();
  }
}
