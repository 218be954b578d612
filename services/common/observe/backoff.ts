const FIRST_MS = 1_000;
const LAST_MS = 60_000;
/** What has held that long counts as mended. */
const FORGOTTEN_AFTER_MS = 120_000;

/** When an instance may be corrected again: at once the first time, then later and later while it keeps breaking. */
export class Backoff {
  readonly #entries = new Map<string, { delayMs: number; lastMs: number }>();

  /** How long to wait, in ms; 0: now. */
  waitMs(uid: string, nowMs: number): number {
    const entry = this.#entries.get(uid);
    if (!entry) return 0;
    if (nowMs - entry.lastMs > FORGOTTEN_AFTER_MS) {
      this.#entries.delete(uid);
      return 0;
    }
    return Math.max(0, entry.lastMs + entry.delayMs - nowMs);
  }

  tried(uid: string, nowMs: number): void {
    const before = this.#entries.get(uid);
    this.#entries.set(uid, { delayMs: before ? Math.min(before.delayMs * 2, LAST_MS) : FIRST_MS, lastMs: nowMs });
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
  }
}
