import { Change, type Item } from "./item.ts";

/** A re-list is told in changes of at most this many keys... */
const RELIST_CHANGE_KEYS = 256;
/** ...and about this many bytes of data. */
const RELIST_CHANGE_BYTES = 64 * 1024;

/**
 * The items of one origin. While the origin is being listed anew they stay as they are and the list gathers beside them; what is truly
 * different comes out when the list is whole.
 */
export class OriginItems {
  readonly #items = new Map<string, Item>();
  #staged: Map<string, Item> | undefined;

  get staging(): boolean {
    return this.#staged !== undefined;
  }

  get stagedSize(): number {
    return this.#staged?.size ?? 0;
  }

  get size(): number {
    return this.#items.size;
  }

  get(key: string): Item | undefined {
    return this.#items.get(key);
  }

  values(): Iterable<Item> {
    return this.#items.values();
  }

  /** Begins a list; what an unfinished one gathered is dropped. */
  beginList(): void {
    this.#staged = new Map();
  }

  stage(key: string, item: Item | undefined): void {
    if (item) this.#staged!.set(key, item);
    else this.#staged!.delete(key);
  }

  /** Ends the list: the differences, in portions that are each one change. All of them hold here before the first is told. */
  endList(): Change[][] {
    const staged = this.#staged ?? new Map<string, Item>();
    this.#staged = undefined;
    const portions: Change[][] = [];
    let bytes = Infinity;
    const gone = [...this.#items.keys()].filter((key) => !staged.has(key));
    for (const [key, item] of [...gone.map((key) => [key, undefined] as const), ...staged]) {
      const change = this.set(key, item);
      if (!change) continue;
      if (bytes >= RELIST_CHANGE_BYTES || portions.at(-1)!.length === RELIST_CHANGE_KEYS) {
        portions.push([]);
        bytes = 0;
      }
      portions.at(-1)!.push(change);
      bytes += item?.text.length ?? 0;
    }
    return portions;
  }

  /** Takes over what happened to one key; undefined when nothing is different. */
  set(key: string, item: Item | undefined): Change | undefined {
    const before = this.#items.get(key);
    if (!item) {
      if (!before) return undefined;
      this.#items.delete(key);
      return new Change(key, before, undefined);
    }
    // The same data under a new version (a new log, a touched object) is nothing new: the old version stays.
    if (before && (before.version === item.version || before.text === item.text)) return undefined;
    this.#items.set(key, item);
    return new Change(key, before, item);
  }
}
