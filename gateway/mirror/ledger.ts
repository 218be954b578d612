import { Digest } from "./digest.ts";
import type { Item } from "./item.ts";
import { OrderedList, type Linked } from "./ordered-list.ts";
import { NODE_BYTES } from "./window.ts";

export interface LiveNode extends Linked<LiveNode> {
  item: Item;
  /** Sequence number of its last change. */
  s: number;
}

export interface Tombstone extends Linked<Tombstone> {
  readonly key: string;
  readonly origin: string;
  readonly s: number;
  readonly atMs: number;
}

/** Something that happened last to its key: `item`, or the key's tombstone. */
export type Last = { s: number; item: Item; tombstone?: never } | { s: number; item?: never; tombstone: Tombstone };

/**
 * The items of a mirror and the tombstones of those it had, each with the sequence number of its last change and in the order of these
 * numbers; and the digest of the items. A key is there once, living or dead.
 */
export class Ledger {
  readonly #account: (bytes: number) => void;
  readonly #nodes = new Map<string, LiveNode>();
  readonly #live = new OrderedList<LiveNode>();
  readonly #tombstones = new Map<string, Tombstone>();
  readonly #dead = new OrderedList<Tombstone>();
  readonly #digest = new Digest();

  /** `account` is told by how much memory grows or shrinks. */
  constructor(account: (bytes: number) => void) {
    this.#account = account;
  }

  get size(): number {
    return this.#nodes.size;
  }

  get digest(): string {
    return this.#digest.toString();
  }

  get oldestTombstone(): Tombstone | undefined {
    return this.#dead.head;
  }

  get(key: string): LiveNode | undefined {
    return this.#nodes.get(key);
  }

  /** In the order of their last change. */
  *nodes(): Iterable<LiveNode> {
    for (let node = this.#live.head; node; node = node.next) yield node;
  }

  *tombstones(): Iterable<Tombstone> {
    for (let node = this.#dead.head; node; node = node.next) yield node;
  }

  /** `s` must be the highest so far, or equal to it. */
  put(item: Item, s: number): void {
    const node = this.#nodes.get(item.key);
    if (!node) return this.#insert(item, s);
    this.#digest.subtract(node.item.pair);
    this.#digest.add(item.pair);
    this.#live.remove(node);
    node.item = item;
    node.s = s;
    this.#live.append(node);
  }

  /** Takes the item away and leaves a tombstone. */
  bury(node: LiveNode, s: number, nowMs: number): void {
    this.remove(node);
    this.addTombstone(node.item.key, node.item.origin, s, nowMs);
  }

  /** Takes the item away as if it had never been. */
  remove(node: LiveNode): void {
    this.#nodes.delete(node.item.key);
    this.#live.remove(node);
    this.#digest.subtract(node.item.pair);
    this.#account(-NODE_BYTES);
  }

  addTombstone(key: string, origin: string, s: number, atMs: number): void {
    const node: Tombstone = { key, origin, s, atMs, previous: undefined, next: undefined };
    this.#tombstones.set(key, node);
    this.#dead.append(node);
    this.#account(NODE_BYTES + key.length);
  }

  dropTombstone(node: Tombstone): void {
    this.#tombstones.delete(node.key);
    this.#dead.remove(node);
    this.#account(-NODE_BYTES - node.key.length);
  }

  /** How many keys changed after `s`, counted up to `max`. */
  countSince(s: number, max: number): number {
    let count = 0;
    for (let n = this.#live.tail; n && n.s > s && count < max; n = n.previous) count++;
    for (let n = this.#dead.tail; n && n.s > s && count < max; n = n.previous) count++;
    return count;
  }

  /** The last change of each key that changed after `s`, in order. */
  *since(s: number): Iterable<Last> {
    let live = firstAfter(this.#live.tail, s);
    let dead = firstAfter(this.#dead.tail, s);
    while (live || dead) {
      if (live && (!dead || live.s < dead.s)) {
        yield live;
        live = live.next;
      } else {
        yield { s: dead!.s, tombstone: dead! };
        dead = dead!.next;
      }
    }
  }

  #insert(item: Item, s: number): void {
    const tombstone = this.#tombstones.get(item.key);
    if (tombstone) this.dropTombstone(tombstone);
    const node: LiveNode = { item, s, previous: undefined, next: undefined };
    this.#nodes.set(item.key, node);
    this.#live.append(node);
    this.#digest.add(item.pair);
    this.#account(NODE_BYTES);
  }
}

/** The node after which everything is later than `s`, found from the end: the walk is as long as what follows. */
function firstAfter<N extends Linked<N> & { s: number }>(tail: N | undefined, s: number): N | undefined {
  let found: N | undefined;
  for (let node = tail; node && node.s > s; node = node.previous) found = node;
  return found;
}
