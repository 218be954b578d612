import type { Logger } from "pino";

/** However quiet everything is, all is compared from time to time. */
export const ROUND_INTERVAL_MS = 30_000;
/** How soon it is looked again after nothing could be done: the lease was not held yet, the engine or Redis was away. */
export const RETRY_INTERVAL_MS = 500;

export interface ReconcileLoopOptions {
  /** Everything there is to compare. */
  names(): Iterable<string>;
  /** Compares one, and has the difference closed. */
  compare(name: string): Promise<void>;
  /** Whether anything can be done now. */
  canWork(): boolean;
  log: Logger;
}

/** Compares one thing after another: those that something happened to soon, all of them in rounds, and again what could not be looked at. */
export class ReconcileLoop {
  readonly #options: ReconcileLoopOptions;
  readonly #due = new Map<string, NodeJS.Timeout>();
  #working: Promise<void> = Promise.resolve();
  /** Something was not looked at. */
  #missed = false;

  constructor(options: ReconcileLoopOptions) {
    this.#options = options;
  }

  /** Until `signal` aborts. */
  run(signal: AbortSignal): void {
    const timers = [
      setInterval(() => this.everything(), ROUND_INTERVAL_MS),
      setInterval(() => {
        if (this.#missed && this.#options.canWork()) this.everything();
      }, RETRY_INTERVAL_MS),
    ];
    const end = (): void => {
      for (const timer of timers) clearInterval(timer);
      for (const due of this.#due.values()) clearTimeout(due);
      this.#due.clear();
    };
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    else this.everything();
  }

  everything(): void {
    this.#missed = false;
    for (const name of this.#options.names()) this.later(name, 0);
  }

  /** Once for each: what is due already stays as it is. */
  later(name: string, waitMs: number): void {
    if (this.#due.has(name)) return;
    const timer = setTimeout(() => {
      this.#due.delete(name);
      this.#enqueue(name);
    }, waitMs);
    this.#due.set(name, timer);
  }

  /** What has begun is over. */
  async idle(): Promise<void> {
    await this.#working;
  }

  #enqueue(name: string): void {
    const { canWork, compare, log } = this.#options;
    this.#working = this.#working.then(async () => {
      if (!canWork()) {
        this.#missed = true;
        return;
      }
      try {
        await compare(name);
      } catch (error) {
        // The next round looks again.
        log.warn({ err: error, target: name }, "not reconciled");
      }
    });
  }
}
