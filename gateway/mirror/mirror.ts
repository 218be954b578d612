import { randomBytes } from "node:crypto";
import { Digest } from "./digest.ts";
import { deltaText } from "./frames.ts";
import { delOp, putOp, type Change, type Item } from "./item.ts";
import { OrderedList, type Linked } from "./ordered-list.ts";
import { NODE_BYTES, type WindowBudget } from "./window.ts";

interface LiveNode extends Linked<LiveNode> {
  item: Item;
  /** Sequence number of its last change. */
  s: number;
}

interface Tombstone extends Linked<Tombstone> {
  key: string;
  origin: string;
  s: number;
  atMs: number;
}

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

/** Part of a replay: delta frames, and the sequence number they lead to. */
export interface ReplayPart {
  texts: string[];
  s: number;
}

/** How many bytes of operations one delta of a replay holds before the next is begun. */
const REPLAY_DELTA_BYTES = 64 * 1024;

/**
 * Sequences one mirror: holds the items it shows, gives each atomic change the next sequence number, and remembers the last
 * number of each key, so that whoever was away can be told only what is different now.
 */
export class Mirror {
  readonly name: string;
  readonly epoch: string;
  readonly #matches: { current: (item: Item) => boolean };
  readonly #budget: WindowBudget;
  readonly #nodes = new Map<string, LiveNode>();
  readonly #live = new OrderedList<LiveNode>();
  readonly #tombstones = new Map<string, Tombstone>();
  readonly #dead = new OrderedList<Tombstone>();
  readonly #digest = new Digest();
  #s = 1;
  /** Whoever was at this number or later can be brought up to date without a snapshot. */
  #windowStart = 1;
  windowBytes = 0;

  constructor(name: string, matches: (item: Item) => boolean, budget: WindowBudget, epoch = newEpoch()) {
    this.name = name;
    this.epoch = epoch;
    this.#matches = { current: matches };
    this.#budget = budget;
    budget.add(this);
  }

  get s(): number {
    return this.#s;
  }

  get size(): number {
    return this.#nodes.size;
  }

  get digest(): string {
    return this.#digest.toString();
  }

  get oldestTombstoneMs(): number {
    return this.#dead.head?.atMs ?? Infinity;
  }

  /** Sequence number of the key's last change, while the mirror shows it. */
  lastChange(key: string): number | undefined {
    return this.#nodes.get(key)?.s;
  }

  *items(): Iterable<Item> {
    for (let node = this.#live.head; node; node = node.next) yield node.item;
  }

  /** First content of a new mirror: nobody has seen anything yet, so there is nothing to tell. */
  fill(items: Iterable<Item>): void {
    for (const item of items) {
      if (this.#matches.current(item) && !this.#nodes.has(item.key)) this.#insert(item, this.#s);
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
      const node = this.#nodes.get(change.key);
      const after = change.after;
      if (after && this.#matches.current(after)) {
        if (!node) ops.push(change.put());
        else if (node.item === change.before) ops.push(change.shortest());
        else if (node.item.version !== after.version) ops.push(change.put());
        else continue;
        this.#set(after, node, s);
      } else if (node) {
        ops.push(delOp(change.key));
        this.#bury(node, s, nowMs);
      }
    }
    return this.#commit(origin, ops, s);
  }

  /** Shows what `matches` selects from now on. Returns the delta frames that lead there, one or more per origin. */
  reselect(matches: (item: Item) => boolean, items: Iterable<Item>, nowMs: number): string[] {
    this.#matches.current = matches;
    const byOrigin = new Map<string, Difference>();
    const of = (origin: string): Difference => {
      const found = byOrigin.get(origin) ?? { gone: [], added: [] };
      byOrigin.set(origin, found);
      return found;
    };
    for (const node of this.#nodes.values()) if (!matches(node.item)) of(node.item.origin).gone.push(node);
    for (const item of items) {
      if (matches(item) && this.#nodes.get(item.key)?.item.version !== item.version) of(item.origin).added.push(item);
    }
    return this.#applyDifferences(byOrigin, nowMs);
  }

  /**
   * Goes on where a gateway that stopped left off: takes over its numbers for all that is as it was then; what differs gets new numbers,
   * so that returning observers are told. Only for a mirror that was filled just now.
   */
  restore(saved: SavedMirror, nowMs: number): void {
    const present = [...this.items()];
    this.#s = saved.s;
    this.#windowStart = saved.windowStart;
    const olds = new Map(saved.items.map((entry) => [entry[0], entry]));
    const changed: Item[] = [];
    const kept: [Item, number][] = [];
    for (const item of present) {
      this.#remove(this.#nodes.get(item.key)!);
      const old = olds.get(item.key);
      if (old && old[1] === item.version) kept.push([item, old[3]]);
      else changed.push(item);
    }
    const there = new Set(present.map((item) => item.key));
    kept.sort((a, b) => a[1] - b[1]);
    for (const [item, s] of kept) this.#insert(item, s);
    for (const [key, origin, s, atMs] of saved.tombstones) {
      if (!there.has(key)) this.#addTombstone(key, origin, s, atMs);
    }
    for (const [key, , origin] of saved.items) {
      if (!there.has(key)) this.#addTombstone(key, origin, ++this.#s, nowMs);
    }
    for (const item of changed) this.#insert(item, ++this.#s);
    this.#budget.enforce();
  }

  save(): SavedMirror {
    const items: SavedMirror["items"] = [];
    for (let n = this.#live.head; n; n = n.next) items.push([n.item.key, n.item.version, n.item.origin, n.s]);
    const tombstones: SavedMirror["tombstones"] = [];
    for (let n = this.#dead.head; n; n = n.next) tombstones.push([n.key, n.origin, n.s, n.atMs]);
    return { name: this.name, epoch: this.epoch, s: this.#s, windowStart: this.#windowStart, items, tombstones };
  }

  canResume(epoch: string, s: number): boolean {
    return epoch === this.epoch && s >= this.#windowStart && s <= this.#s;
  }

  /** How many keys differ from what they were at `s`, counted up to `max`. */
  changedSince(s: number, max: number): number {
    let count = 0;
    for (let n = this.#live.tail; n && n.s > s && count < max; n = n.previous) count++;
    for (let n = this.#dead.tail; n && n.s > s && count < max; n = n.previous) count++;
    return count;
  }

  /**
   * What leads from `s` towards the present, compacted to the last change of each key: whole sequence numbers in rising order, until
   * `bytesMax` is passed. Call again with the number reached; `canResume(epoch, s)` must hold.
   */
  replay(s: number, bytesMax: number): ReplayPart {
    let live = first(this.#live.tail, s);
    let dead = first(this.#dead.tail, s);
    const texts: string[] = [];
    let ops: string[] = [];
    let opsBytes = 0;
    let bytes = 0;
    let origin = "";
    let reached = s;
    const close = (): void => {
      if (ops.length > 0) texts.push(deltaText(this.name, this.epoch, reached, origin, ops));
      ops = [];
      opsBytes = 0;
    };
    while (live || dead) {
      const isLive = live !== undefined && (dead === undefined || live.s < dead.s);
      const at = isLive ? live!.s : dead!.s;
      if (at > reached && bytes > bytesMax) break;
      const itsOrigin = isLive ? live!.item.origin : dead!.origin;
      if (itsOrigin !== origin || (at > reached && opsBytes > REPLAY_DELTA_BYTES)) close();
      origin = itsOrigin;
      reached = at;
      const op = isLive ? putOp(live!.item) : delOp(dead!.key);
      ops.push(op);
      opsBytes += op.length;
      bytes += op.length;
      if (isLive) live = live!.next;
      else dead = dead!.next;
    }
    close();
    return { texts, s: live || dead ? reached : this.#s };
  }

  forgetOldest(): void {
    const node = this.#dead.head;
    if (!node) return;
    this.#windowStart = Math.max(this.#windowStart, node.s);
    this.#dropTombstone(node);
  }

  destroy(): void {
    this.#budget.remove(this);
  }

  #applyDifferences(byOrigin: Map<string, Difference>, nowMs: number): string[] {
    const texts: string[] = [];
    for (const [origin, { gone, added }] of byOrigin) {
      const s = this.#s + 1;
      const ops: string[] = [];
      for (const node of gone) {
        ops.push(delOp(node.item.key));
        this.#bury(node, s, nowMs);
      }
      for (const item of added) {
        ops.push(putOp(item));
        this.#set(item, this.#nodes.get(item.key), s);
      }
      const text = this.#commit(origin, ops, s);
      if (text !== undefined) texts.push(text);
    }
    return texts;
  }

  #commit(origin: string, ops: string[], s: number): string | undefined {
    if (ops.length === 0) return undefined;
    this.#s = s;
    this.#budget.enforce();
    return deltaText(this.name, this.epoch, s, origin, ops);
  }

  #set(item: Item, node: LiveNode | undefined, s: number): void {
    if (!node) return this.#insert(item, s);
    this.#digest.subtract(node.item.pair);
    this.#digest.add(item.pair);
    this.#live.remove(node);
    node.item = item;
    node.s = s;
    this.#live.append(node);
  }

  #insert(item: Item, s: number): void {
    const tombstone = this.#tombstones.get(item.key);
    if (tombstone) this.#dropTombstone(tombstone);
    const node: LiveNode = { item, s, previous: undefined, next: undefined };
    this.#nodes.set(item.key, node);
    this.#live.append(node);
    this.#digest.add(item.pair);
    this.#account(NODE_BYTES);
  }

  #bury(node: LiveNode, s: number, nowMs: number): void {
    this.#remove(node);
    this.#addTombstone(node.item.key, node.item.origin, s, nowMs);
  }

  #remove(node: LiveNode): void {
    this.#nodes.delete(node.item.key);
    this.#live.remove(node);
    this.#digest.subtract(node.item.pair);
    this.#account(-NODE_BYTES);
  }

  #addTombstone(key: string, origin: string, s: number, atMs: number): void {
    const node: Tombstone = { key, origin, s, atMs, previous: undefined, next: undefined };
    this.#tombstones.set(key, node);
    this.#dead.append(node);
    this.#account(NODE_BYTES + key.length);
  }

  #dropTombstone(node: Tombstone): void {
    this.#tombstones.delete(node.key);
    this.#dead.remove(node);
    this.#account(-NODE_BYTES - node.key.length);
  }

  #account(bytes: number): void {
    this.windowBytes += bytes;
    this.#budget.usedBytes += bytes;
  }
}

interface Difference {
  gone: LiveNode[];
  added: Item[];
}

/** The node after which everything is later than `s`, found from the end: the walk is as long as the replay. */
function first<N extends Linked<N> & { s: number }>(tail: N | undefined, s: number): N | undefined {
  let found: N | undefined;
  for (let node = tail; node && node.s > s; node = node.previous) found = node;
  return found;
}

function newEpoch(): string {
  return randomBytes(9).toString("base64url");
}
