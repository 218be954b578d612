import { Digest, hashPair, type HashPair } from "./digest.ts";
import type { OriginView } from "./frames.ts";
import { applyMergePatch, type Json } from "./merge-patch.ts";

export interface ReplicaItem {
  k: string;
  v: string;
  o: string;
  d: Json;
}

export type Op =
  | { op: "put"; k: string; v: string; d: Json }
  | { op: "patch"; k: string; v: string; p: Json }
  | { op: "del"; k: string };

/** A frame of a mirror, as it arrives. */
export type MirrorFrame = { m: string; e: string; s: number } & (
  | { t: "resumed" }
  | { t: "snapshot"; part: number; parts: number; items: ReplicaItem[] }
  | { t: "synced" | "bookmark"; digest: string }
  | { t: "delta"; o: string; ops: Op[] }
  | { t: "origin"; name: string; state: OriginView["state"]; asOf?: string; message?: string }
);

/** The state is not what the gateway's is: subscribe anew without `e` and `s`. */
export class ReplicaError extends Error {}

interface Held extends ReplicaItem {
  pair: HashPair;
}

/** What an observer holds of a mirror, kept by its frames and checked against its digests. */
export class Replica {
  readonly #items = new Map<string, Held>();
  readonly origins = new Map<string, Omit<OriginView, "asOf"> & { asOf?: string }>();
  #digest = new Digest();
  epoch = "";
  s = 0;
  /** True between `synced` and the next catching up: the state is whole, and `s` grows by one. */
  synced = false;
  #resumable = false;
  #nextPart = 0;

  get size(): number {
    return this.#items.size;
  }

  get digest(): string {
    return this.#digest.toString();
  }

  /** Where to resume from; undefined while a snapshot is not whole. */
  get position(): { e: string; s: number } | undefined {
    return this.#resumable ? { e: this.epoch, s: this.s } : undefined;
  }

  get(key: string): ReplicaItem | undefined {
    return this.#items.get(key);
  }

  items(): Iterable<ReplicaItem> {
    return this.#items.values();
  }

  /** Throws ReplicaError when the frame does not fit what is held. */
  apply(frame: MirrorFrame): void {
    switch (frame.t) {
      case "snapshot":
        return this.#snapshot(frame);
      case "resumed":
        if (frame.e !== this.epoch || frame.s !== this.s)
          throw new ReplicaError(`resumed at ${frame.s}, held ${this.s}`);
        this.synced = false;
        this.origins.clear();
        return undefined;
      case "delta":
        return this.#delta(frame);
      case "synced":
        this.#check(frame);
        this.synced = true;
        this.#resumable = true;
        return undefined;
      case "bookmark":
        return this.#check(frame);
      case "origin": {
        const { name, state, asOf, message = "" } = frame;
        if (state === "gone") {
          this.origins.delete(name);
          return undefined;
        }
        this.origins.set(name, asOf === undefined ? { name, state, message } : { name, state, asOf, message });
        return undefined;
      }
    }
  }

  reset(): void {
    this.#items.clear();
    this.#digest = new Digest();
    this.epoch = "";
    this.s = 0;
    this.synced = false;
    this.#resumable = false;
  }

  #snapshot(frame: MirrorFrame & { t: "snapshot" }): void {
    if (frame.part === 0) {
      this.reset();
      this.origins.clear();
      this.#nextPart = 0;
      this.epoch = frame.e;
    }
    if (frame.part !== this.#nextPart++ || frame.e !== this.epoch)
      throw new ReplicaError(`part ${frame.part} is out of order`);
    for (const item of frame.items) this.#put(item);
    this.s = frame.s;
    this.#resumable = this.#nextPart === frame.parts;
  }

  #delta(frame: MirrorFrame & { t: "delta" }): void {
    const fits = this.synced ? frame.s === this.s + 1 : frame.s > this.s;
    if (frame.e !== this.epoch || !fits) throw new ReplicaError(`delta ${frame.s} does not follow ${this.s}`);
    for (const op of frame.ops) {
      const old = this.#items.get(op.k);
      if (op.op === "put") this.#put({ k: op.k, v: op.v, o: frame.o, d: op.d });
      else if (op.op === "patch") {
        if (!old) throw new ReplicaError(`patch of ${op.k}, which is not held`);
        this.#put({ k: op.k, v: op.v, o: frame.o, d: applyMergePatch(old.d, op.p) });
      } else if (old) {
        this.#digest.subtract(old.pair);
        this.#items.delete(op.k);
      }
    }
    this.s = frame.s;
  }

  #put(item: ReplicaItem): void {
    const old = this.#items.get(item.k);
    if (old) this.#digest.subtract(old.pair);
    const pair = hashPair(item.k, item.v);
    this.#digest.add(pair);
    this.#items.set(item.k, { k: item.k, v: item.v, o: item.o, d: item.d, pair });
  }

  #check(frame: { s: number; e: string; digest: string }): void {
    if (frame.e !== this.epoch || frame.s < this.s) throw new ReplicaError(`${frame.s} is behind ${this.s}`);
    this.s = frame.s;
    if (frame.digest !== this.digest) throw new ReplicaError(`digest is ${this.digest}, should be ${frame.digest}`);
  }
}
