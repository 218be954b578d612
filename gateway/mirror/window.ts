import { MIRROR_LIMITS, type MirrorLimits } from "./limits.ts";
import type { Mirror } from "./mirror.ts";

/** A key in a mirror's order. Measured with 3 * 10^5: 105 bytes for a living one, up to 230 for a tombstone and what its life leaves. */
export const NODE_BYTES = 160;

/** Keeps the windows of all mirrors within one budget: the oldest tombstones go first. */
export class WindowBudget {
  readonly #limits: Pick<MirrorLimits, "windowBytesMax" | "windowAgeMsMax">;
  readonly #mirrors = new Set<Mirror>();
  usedBytes = 0;

  constructor(limits: Pick<MirrorLimits, "windowBytesMax" | "windowAgeMsMax"> = MIRROR_LIMITS) {
    this.#limits = limits;
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
    while (this.usedBytes > this.#limits.windowBytesMax) {
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
      while (mirror.oldestTombstoneMs < nowMs - this.#limits.windowAgeMsMax) mirror.forgetOldest();
    }
  }
}
