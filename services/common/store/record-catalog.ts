import type { Kind, Resource } from "./api.ts";
import type { StoreHandle } from "./store.ts";

/** Deletions remembered: what is read or written at the same moment comes a moment later, not thousands of deletions later. */
const DELETIONS_MAX = 1_000;

/**
 * Every record of a kind, in memory and a moment behind the store: for what is asked often and need not be exact. What must be exact is read in
 * a transaction instead.
 */
export class RecordCatalog<T extends Resource> {
  readonly #kind: Kind<T>;
  readonly #records = new Map<string, T>();
  /** Revision of the last deletion by name, the latest ones. */
  readonly #deletions = new Map<string, bigint>();
  readonly #listeners = new Set<(record: T, deleted: boolean) => void>();
  readonly #stops: (() => void)[] = [];

  constructor(kind: Kind<T>) {
    this.#kind = kind;
  }

  /** Follows first and then reads all, so that nothing falls between. */
  async start(store: StoreHandle, onError: (error: unknown) => void): Promise<void> {
    this.#stops.push(
      store.onChange((change) => {
        if (change.kind !== this.#kind.name) return;
        if (change.deleted) {
          this.#rememberDeletion(change.name, change.revision);
          this.#remove(change.name);
        } else this.#set(this.#kind.message.decode(change.bytes));
      }),
      store.onRebuilt(() => void this.#reload(store).catch(onError)),
    );
    await this.#reload(store);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  get(name: string): T | undefined {
    return this.#records.get(name);
  }

  all(): IterableIterator<T> {
    return this.#records.values();
  }

  /** What this process has written or read itself: the store's own word comes a moment later, or has come already. */
  note(record: T): void {
    const { name, version } = record.meta!;
    const latest = this.#records.get(name)?.meta!.version ?? this.#deletions.get(name);
    if (latest === undefined || latest < version) this.#set(record);
  }

  onChange(listener: (record: T, deleted: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Deletions may have been missed: what was known before and is not read now is gone. */
  async #reload(store: StoreHandle): Promise<void> {
    const before = new Map(this.#records);
    for await (const record of store.all(this.#kind)) {
      before.delete(record.meta!.name);
      this.note(record);
    }
    for (const [name, record] of before) if (this.#records.get(name) === record) this.#remove(name);
  }

  #rememberDeletion(name: string, revision: bigint): void {
    this.#deletions.delete(name);
    this.#deletions.set(name, revision);
    if (this.#deletions.size > DELETIONS_MAX) this.#deletions.delete(this.#deletions.keys().next().value!);
  }

  #set(record: T): void {
    const { name, uid } = record.meta!;
    const known = this.#records.get(name);
    if (known && known.meta!.uid !== uid) this.#remove(name);
    this.#records.set(name, record);
    for (const listener of this.#listeners) listener(record, false);
  }

  #remove(name: string): void {
    const known = this.#records.get(name);
    if (!known) return;
    this.#records.delete(name);
    for (const listener of this.#listeners) listener(known, true);
  }
}
