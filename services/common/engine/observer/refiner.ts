/** Inspects under way at the same time: starting a hundred containers must not flood the engine with questions. */
export const REFINE_CONCURRENCY = 4;
/** How long a question that is not urgent waits for others about the same object. */
export const REFINE_DELAY_MS = 15;

/**
 * Asks the engine about objects, each at most once at a time: what is asked for while a question waits is answered by it, what is
 * asked for while it runs makes one more. `ask` never rejects.
 */
export class Refiner {
  readonly #ask: (key: string) => Promise<void>;
  readonly #waiting = new Set<string>();
  readonly #delayed = new Map<string, NodeJS.Timeout>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  #idle: (() => void)[] = [];

  constructor(ask: (key: string) => Promise<void>) {
    this.#ask = ask;
  }

  /** The question begins after `delayMs`, or earlier where one about the object waits for less. */
  request(key: string, delayMs = 0): void {
    if (this.#waiting.has(key)) return;
    if (delayMs === 0) {
      clearTimeout(this.#delayed.get(key));
      this.#delayed.delete(key);
      this.#enqueue(key);
    } else if (!this.#delayed.has(key)) {
      const timer = setTimeout(() => {
        this.#delayed.delete(key);
        this.#enqueue(key);
      }, delayMs);
      this.#delayed.set(key, timer);
    }
  }

  /** Forgets every question that has not begun. */
  clear(): void {
    for (const timer of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
    this.#waiting.clear();
    this.#again.clear();
    this.#settle();
  }

  /** Resolves when no question waits or runs. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settle();
    });
  }

  #enqueue(key: string): void {
    if (this.#running.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#pump();
  }

  #pump(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= REFINE_CONCURRENCY) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    await this.#ask(key);
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#waiting.add(key);
    this.#pump();
    this.#settle();
  }

  #settle(): void {
    if (this.#running.size + this.#waiting.size + this.#delayed.size > 0) return;
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }
}
