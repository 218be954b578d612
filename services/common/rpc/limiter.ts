import { resourceExhausted } from "../errors/errors.ts";

/** Counts what each principal has under way. */
export class Limiter {
  readonly #max: number;
  readonly #limitName: string;
  readonly #active = new Map<string, number>();

  /** `limitName`: as errors name the limit. */
  constructor(max: number, limitName = "GANTRY_RPC_CALLS_PER_PRINCIPAL") {
    this.#max = max;
    this.#limitName = limitName;
  }

  /** Returns the way to give it back; RESOURCE_EXHAUSTED at the limit. */
  acquire(subject: string): () => void {
    const active = this.#active.get(subject) ?? 0;
    if (active >= this.#max) {
      throw resourceExhausted(this.#limitName, `${subject} has ${active} calls under way already`);
    }
    this.#active.set(subject, active + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const left = (this.#active.get(subject) ?? 1) - 1;
      if (left === 0) this.#active.delete(subject);
      else this.#active.set(subject, left);
    };
  }
}
