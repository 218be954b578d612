import { randomBytes } from "node:crypto";
import { deltaText } from "./frames.ts";
import { delOp, putOp, type Change, type Item } from "./item.ts";
import { Ledger, type LiveNode } from "./ledger.ts";
import { replay, type ReplayPart } from "./replay.ts";
import type { WindowBudget } from "./window.ts";

/** A mirror as it was when the gateway stopped. */
export interface SavedMirror {
  name: string;
  epoch: string;
  s: number;
  windowStart: number;
  /** key, version, origin, s; in the order of s. */
  items: [string, string, string, number][];
  /** key, origin, s, time in ms; in the order of s. */
  tombstones: [string, string, number, number][];
}

/**
 * Sequences one mirror: holds the items it shows, gives each atomic change the next sequence number, and remembers the last
 * number of each key, so that whoever was away can be told only what is different now.
 */
export class Mirror {
  readonly name: string;
  readonly epoch: string;
  readonly #budget: WindowBudget;
  readonly #ledger: Ledger;
  #matches: (item: Item) => boolean;
  #s = 1;
  /** Whoever was at this number or later can be brought up to date without a snapshot. */
  #windowStart = 1;
  windowBytes = 0;

  constructor(name: string, matches: (item: Item) => boolean, budget: WindowBudget, epoch = newEpoch()) {
    this.name = name;
    this.epoch = epoch;
    this.#matches = matches;
    this.#budget = budget;
    this.#ledger = new Ledger((bytes) => {
      this.windowBytes += bytes;
      budget.usedBytes += bytes;
    });
    budget.add(this);
  }

  get s(): number {
    return this.#s;
  }

  get size(): number {
    return this.#ledger.size;
  }

  get digest(): string {
    return this.#ledger.digest;
  }

  get oldestTombstoneMs(): number {
    return this.#ledger.oldestTombstone?.atMs ?? Infinity;
  }

  /** Sequence number of the key's last change, while the mirror shows it. */
  lastChange(key: string): number | undefined {
    return this.#ledger.get(key)?.s;
  }

  *items(): Iterable<Item> {
    for (const { item } of this.#ledger.nodes()) yield item;
  }

  /** First content of a new mirror: nobody has seen anything yet, so there is nothing to tell. */
  fill(items: Iterable<Item>): void {
    for (const item of items) {
      if (this.#matches(item) && !this.#ledger.get(item.key)) this.#ledger.put(item, this.#s);
    }
  }

  /**
   * One atomic change. Returns the delta frame, or undefined when the mirror shows nothing of it. The changes must follow each other:
   * `before` is what the last one of the key had as `after`.
   */
  apply(origin: string, changes: readonly Change[], nowMs: number): string | undefined {
    const s = this.#s + 1;
    const ops: string[] = [];
    for (const change of changes) {
      const node = this.#ledger.get(change.key);
      const { after } = change;
      if (after && this.#matches(after)) {
        if (!node) ops.push(change.put());
        else if (node.item === change.before) ops.push(change.shortest());
        else if (node.item.version !== after.version) ops.push(change.put());
        else continue;
        this.#ledger.put(after, s);
      } else if (node) {
        ops.push(delOp(change.key));
        this.#ledger.bury(node, s, nowMs);
      }
    }
    return this.#commit(origin, ops, s);
  }

  /** Shows what `matches` selects from now on. Returns the delta frames that lead there, one for each origin concerned. */
  reselect(matches: (item: Item) => boolean, items: Iterable<Item>, nowMs: number): string[] {
    this.#matches = matches;
    const gone = [...this.#ledger.nodes()].filter(({ item }) => !matches(item));
    const added: Item[] = [];
    for (const item of items) {
      if (matches(item) && this.#ledger.get(item.key)?.item.version !== item.version) added.push(item);
    }
    const origins = new Set([...gone.map(({ item }) => item.origin), ...added.map(({ origin }) => origin)]);
    const texts: string[] = [];
    for (const origin of origins) {
      const ofOrigin = gone.filter(({ item }) => item.origin === origin);
      const text = this.#exchange(
        origin,
        ofOrigin,
        added.filter((item) => item.origin === origin),
        nowMs,
      );
      if (text !== undefined) texts.push(text);
    }
    return texts;
  }

  /**
   * Goes on where a gateway that stopped left off: takes over its numbers for all that is as it was then; what differs gets new numbers,
   * so that returning observers are told. Only for a mirror that was filled just now.
   */
  restore(saved: SavedMirror, nowMs: number): void {
    const present = new Map([...this.#ledger.nodes()].map((node) => [node.item.key, node]));
    for (const node of present.values()) this.#ledger.remove(node);
    this.#s = saved.s;
    this.#windowStart = saved.windowStart;
    for (const [key, version, , s] of saved.items) {
      const node = present.get(key);
      if (node?.item.version !== version) continue;
      this.#ledger.put(node.item, s);
    }
    for (const [key, origin, s, atMs] of saved.tombstones) {
      if (!present.has(key)) this.#ledger.addTombstone(key, origin, s, atMs);
    }
    for (const [key, , origin] of saved.items) {
      if (!present.has(key)) this.#ledger.addTombstone(key, origin, ++this.#s, nowMs);
    }
    for (const [key, { item }] of present) if (!this.#ledger.get(key)) this.#ledger.put(item, ++this.#s);
    this.#budget.enforce();
  }

  save(): SavedMirror {
    const items: SavedMirror["items"] = [];
    for (const { item, s } of this.#ledger.nodes()) items.push([item.key, item.version, item.origin, s]);
    const tombstones: SavedMirror["tombstones"] = [];
    for (const { key, origin, s, atMs } of this.#ledger.tombstones()) tombstones.push([key, origin, s, atMs]);
    return { name: this.name, epoch: this.epoch, s: this.#s, windowStart: this.#windowStart, items, tombstones };
  }

  canResume(epoch: string, s: number): boolean {
    return epoch === this.epoch && s >= this.#windowStart && s <= this.#s;
  }

  /** How many keys differ from what they were at `s`, counted up to `max`. */
  changedSince(s: number, max: number): number {
    return this.#ledger.countSince(s, max);
  }

  /**
   * What leads from `s` towards the present, compacted to the last change of each key, in about `bytesMax` bytes. Call again with the
   * number reached; `canResume(epoch, s)` must hold.
   */
  replay(s: number, bytesMax: number): ReplayPart {
    const { name, epoch } = this;
    return replay({ name, epoch, s: this.#s }, this.#ledger.since(s), s, bytesMax);
  }

  forgetOldest(): void {
    const node = this.#ledger.oldestTombstone;
    if (!node) return;
    this.#windowStart = Math.max(this.#windowStart, node.s);
    this.#ledger.dropTombstone(node);
  }

  destroy(): void {
    this.#budget.remove(this);
  }

  #exchange(origin: string, gone: readonly LiveNode[], added: readonly Item[], nowMs: number): string | undefined {
    const s = this.#s + 1;
    for (const node of gone) this.#ledger.bury(node, s, nowMs);
    for (const item of added) this.#ledger.put(item, s);
    return this.#commit(origin, [...gone.map(({ item }) => delOp(item.key)), ...added.map(putOp)], s);
  }

  #commit(origin: string, ops: readonly string[], s: number): string | undefined {
    if (ops.length === 0) return undefined;
    this.#s = s;
    this.#budget.enforce();
    return deltaText(this.name, this.epoch, s, origin, ops);
  }
}

function newEpoch(): string {
  return randomBytes(9).toString("base64url");
}
