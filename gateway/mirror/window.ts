import type { Mirror } from "./mirror.ts";

/** Memory that all mirrors together may use to remember what changed when. */
export const WINDOW_BYTES_MAX = 64 * 1024 * 1024;
/** Tombstones older than this are forgotten: who was away longer gets a snapshot. */
export const WINDOW_AGE_MS_MAX = 30 * 60_000;
/** A key in a mirror's order. Measured with 3 * 10^5: 105 bytes for a living one, up to 230 for a tombstone and what its life leaves. */
export const NODE_BYTES = 160;

/** Keeps the windows of all mirrors within one budget: the oldest tombstones go first. */
export class WindowBudget {
  readonly bytesMax: number;
  readonly #mirrors = new Set<Mirror>();
  usedBytes = 0;

  constructor(bytesMax = WINDOW_BYTES_MAX) {
    this.bytesMax = bytesMax;
  }

  add(mirror: Mirror): void {
    this.#mirrors.add(mirror);
  }

  remove(mirror: Mirror): void {
    this.#mirrors.delete(mirror);
    this.usedBytes -= mirror.windowBytes;
  }

  /** Called after each change. */
  enforce(): void {
    while (this.usedBytes > this.bytesMax) {
      let oldest: Mirror | undefined;
      for (const mirror of this.#mirrors) {
        if (mirror.oldestTombstoneMs < (oldest?.oldestTombstoneMs ?? Infinity)) oldest = mirror;
      }
      if (!oldest) return;
      oldest.forgetOldest();
    }
  }

  /** Called now and then. */
  expire(nowMs: number): void {
    for (const mirror of this.#mirrors) {
      while (mirror.oldestTombstoneMs < nowMs - WINDOW_AGE_MS_MAX) mirror.forgetOldest();
    }
  }
}
