import type { OriginView } from "./frames.ts";
import type { Change, Item } from "./item.ts";

/** Told of everything that changes. */
export interface WorldListener {
  /** One atomic change of one origin. */
  changed(origin: string, changes: readonly Change[]): void;
  originChanged(origin: OriginView): void;
}

/** Something that holds items of one or more origins. */
export interface ItemSource {
  items(): Iterable<Item>;
  find(key: string): Item | undefined;
}

/** Everything live that the gateway knows, from whichever service. */
export class World {
  readonly #sources = new Set<ItemSource>();
  readonly #origins = new Map<string, OriginView>();
  readonly #listeners = new Set<WorldListener>();

  addSource(source: ItemSource): void {
    this.#sources.add(source);
  }

  removeSource(source: ItemSource): void {
    this.#sources.delete(source);
  }

  listen(listener: WorldListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  *items(): Iterable<Item> {
    for (const source of this.#sources) yield* source.items();
  }

  find(key: string): Item | undefined {
    for (const source of this.#sources) {
      const item = source.find(key);
      if (item) return item;
    }
    return undefined;
  }

  origins(): Iterable<OriginView> {
    return this.#origins.values();
  }

  origin(name: string): OriginView | undefined {
    return this.#origins.get(name);
  }

  commit(origin: string, changes: readonly Change[]): void {
    if (changes.length === 0) return;
    for (const listener of this.#listeners) listener.changed(origin, changes);
  }

  /** There is no such origin any more. Its items must be told as gone before. */
  removeOrigin(name: string): void {
    if (!this.#origins.delete(name)) return;
    for (const listener of this.#listeners) {
      listener.originChanged({ name, state: "gone", asOf: undefined, message: "" });
    }
  }

  setOrigin(origin: OriginView): void {
    const old = this.#origins.get(origin.name);
    this.#origins.set(origin.name, origin);
    if (old && old.state === origin.state && old.message === origin.message) return;
    for (const listener of this.#listeners) listener.originChanged(origin);
  }
}
