/** A Redis clock that goes back further than this was set, and is followed. */
const STEP_BACK_MAX_MS = 1_000;

/** The realm's time: Redis TIME as last seen, carried on by this process's monotonic clock. */
export class RealmClock {
  #offsetMs = Date.now() - performance.now();
  #lastMs = 0;

  /** Call it with the TIME of a reply when the reply has just come. */
  observe(seconds: number, microseconds: number): void {
    this.#offsetMs = seconds * 1000 + microseconds / 1000 - performance.now();
  }

  /** Never goes back, except when Redis's clock was set back. */
  nowMs(): number {
    const nowMs = performance.now() + this.#offsetMs;
    if (nowMs < this.#lastMs && nowMs > this.#lastMs - STEP_BACK_MAX_MS) return this.#lastMs;
    this.#lastMs = nowMs;
    return nowMs;
  }

  now(): Date {
    return new Date(this.nowMs());
  }
}
