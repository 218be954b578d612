import { murmur3 } from "./murmur3.ts";

const SEED_0 = 0;
const SEED_1 = 0x9747b28c;

/** What one item adds to a digest. */
export interface HashPair {
  readonly h0: number;
  readonly h1: number;
}

export function hashPair(key: string, version: string): HashPair {
  const bytes = Buffer.from(`${key}\n${version}`, "utf8");
  return { h0: murmur3(bytes, SEED_0), h1: murmur3(bytes, SEED_1) };
}

/** Digest of a set of (key, version): the order does not matter, and a change costs the same however large the set is. */
export class Digest {
  #sum0 = 0;
  #sum1 = 0;

  add(pair: HashPair): void {
    this.#sum0 = (this.#sum0 + pair.h0) >>> 0;
    this.#sum1 = (this.#sum1 + pair.h1) >>> 0;
  }

  subtract(pair: HashPair): void {
    this.#sum0 = (this.#sum0 - pair.h0) >>> 0;
    this.#sum1 = (this.#sum1 - pair.h1) >>> 0;
  }

  /** 16 lower-case hex digits. */
  toString(): string {
    return hex(this.#sum0) + hex(this.#sum1);
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
