/** Buckets of 10 µs up to here; what took longer is in the last. */
const MAX_MS = 10_000;
const PER_MS = 100;

/** How often each time was taken: counting costs next to nothing and makes no garbage, however many there are. */
export class Latencies {
  readonly #buckets = new Uint32Array(MAX_MS * PER_MS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    this.#count++;
    this.#buckets[Math.min(MAX_MS * PER_MS - 1, Math.max(0, Math.floor(ms * PER_MS)))]!++;
  }

  /** 0 when there are none. */
  quantileMs(q: number): number {
    let left = Math.max(1, Math.ceil(q * this.#count));
    if (this.#count === 0) return 0;
    let at = 0;
    while ((left -= this.#buckets[at]!) > 0) at++;
    return (at + 1) / PER_MS;
  }

  clear(): void {
    this.#buckets.fill(0);
    this.#count = 0;
  }
}
