/** Choices that can be made again from their seed; what the machine makes of them in time cannot. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** 0 or more, below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From `min` to below `max`. */
  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)]!;
  }

  /** A generator of its own, so that what runs beside does not change what this one chooses. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}

/** `GANTRY_CHAOS_SEED` repeats the choices of an earlier run. */
export function chaosConfig(env: NodeJS.ProcessEnv): { seed: number } {
  const given = Number(env["GANTRY_CHAOS_SEED"] ?? Number.NaN);
  return { seed: Number.isSafeInteger(given) ? given : Math.floor(Math.random() * 2 ** 32) };
}
