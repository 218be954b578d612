/** How long to pause reading, so that a socket does not bring more than so many bytes a second on average, and a burst at once. */
export class ReadPace {
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #atMs: number;

  constructor(bytesPerSecond: number, burstBytes: number, nowMs: number) {
    this.#perSecond = bytesPerSecond;
    this.#burst = burstBytes;
    this.#left = burstBytes;
    this.#atMs = nowMs;
  }

  /** Milliseconds to pause after these bytes; 0: go on. */
  spend(bytes: number, nowMs: number): number {
    this.#left = Math.min(this.#burst, this.#left + ((nowMs - this.#atMs) / 1000) * this.#perSecond) - bytes;
    this.#atMs = nowMs;
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / this.#perSecond) * 1000);
  }

  /** Whether it is as if nothing had been read yet. */
  rested(nowMs: number): boolean {
    return this.#left + ((nowMs - this.#atMs) / 1000) * this.#perSecond >= this.#burst;
  }
}
