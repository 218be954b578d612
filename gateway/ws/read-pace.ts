/** How long to pause reading, so that a socket does not bring more than so much (bytes, or frames) a second on average, and a burst at once. */
export class ReadPace {
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
    this.#atMs = nowMs;
  }

  /** Milliseconds to pause after so much; 0: go on. */
  spend(amount: number, nowMs: number): number {
    this.#left = Math.min(this.#burst, this.#left + ((nowMs - this.#atMs) / 1000) * this.#perSecond) - amount;
    this.#atMs = nowMs;
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / this.#perSecond) * 1000);
  }

  /** Whether it is as if nothing had been read yet. */
  rested(nowMs: number): boolean {
    return this.#left + ((nowMs - this.#atMs) / 1000) * this.#perSecond >= this.#burst;
  }
}
