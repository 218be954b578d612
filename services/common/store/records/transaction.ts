import { randomUUID } from "node:crypto";
import { notFound } from "../../errors/errors.ts";
import type { Bound, Fence, Kind, KnownRecord, Resource, Transaction } from "../api.ts";
import { decodeRecord, etagOf, storedOf, versionOf } from "./stored.ts";
import type { StoredRecord } from "./stored.ts";

/** Reads one record as Redis has it. */
export type ReadStored = (kind: string, name: string) => Promise<StoredRecord | undefined>;

export interface TransactionRead {
  kind: Kind<Resource>;
  name: string;
  /** Undefined: it was not there. */
  stored: StoredRecord | undefined;
  record: Resource | undefined;
}

export interface TransactionWrite {
  kind: Kind<Resource>;
  name: string;
  /** Undefined: deleted. */
  record: Resource | undefined;
  /** What it replaces. */
  before: StoredRecord | undefined;
  /** Created without having been looked for: the name being taken is the caller's error, not a reason to run again. */
  blind: boolean;
  /** Created here: a new thing, also where it takes the place of one that this transaction deleted. */
  fresh: boolean;
}

export interface SetChange {
  add: boolean;
  set: string;
  member: string;
}

/** Collects what one run of a transaction's function reads and wants written. */
export class PendingTransaction implements Transaction {
  readonly now: Date;
  readonly reads = new Map<string, TransactionRead>();
  readonly writes = new Map<string, TransactionWrite>();
  readonly sets: SetChange[] = [];
  readonly bounds: Bound[] = [];
  #fence: Fence | undefined;
  readonly #read: ReadStored;
  readonly #known: readonly KnownRecord[];
  #guessed = false;

  constructor(now: Date, read: ReadStored, known: readonly KnownRecord[] = []) {
    this.now = now;
    this.#read = read;
    this.#known = known;
  }

  /** Of the last guard that has one. */
  get fence(): Fence | undefined {
    return this.#fence;
  }

  /** Whether something known before was taken as read. */
  get guessed(): boolean {
    return this.#guessed;
  }

  async get<T extends Resource>(kind: Kind<T>, name: string): Promise<T | undefined> {
    const key = keyOf(kind.name, name);
    const write = this.writes.get(key);
    if (write !== undefined) return write.record as T | undefined;
    const known = this.reads.get(key);
    if (known !== undefined) return known.record as T | undefined;
    const guess = this.#guess(kind, name);
    const stored = guess ? guess.stored : await this.#read(kind.name, name);
    const record = stored && decodeRecord(kind, stored);
    this.reads.set(key, { kind: kind as unknown as Kind<Resource>, name, stored, record });
    return record;
  }

  async need<T extends Resource>(kind: Kind<T>, name: string): Promise<T> {
    const record = await this.get(kind, name);
    if (record === undefined) throw notFound(name);
    return record;
  }

  /** A copy: what this run does to it must not be seen by the next one. */
  #guess<T extends Resource>(kind: Kind<T>, name: string): { stored: StoredRecord | undefined } | undefined {
    const known = this.#known.find((each) => each.kind.name === kind.name && each.name === name);
    if (known === undefined) return undefined;
    const stored = known.record && storedOf(known.kind, known.record);
    if (known.record && stored === undefined) return undefined;
    this.#guessed = true;
    return { stored };
  }

  create<T extends Resource>(kind: Kind<T>, record: T): void {
    const meta = record.meta;
    if (meta === undefined || meta.name === "") throw new TypeError(`a ${kind.name} is created with a name`);
    const key = keyOf(kind.name, meta.name);
    const read = this.reads.get(key);
    const write = this.writes.get(key);
    if ((write ?? read)?.record !== undefined) throw new NameTaken(meta.name);
    meta.version = 0n;
    meta.uid ||= randomUUID();
    meta.generation = 1n;
    meta.createTime = this.now;
    meta.updateTime = this.now;
    const blind = read === undefined && write === undefined;
    this.#write({ kind, name: meta.name, record, before: write?.before, blind, fresh: true });
  }

  put<T extends Resource>(kind: Kind<T>, record: T): void {
    const name = record.meta?.name ?? "";
    const { stored, blind, fresh } = this.#written(kind, name);
    this.#write({ kind, name, record, before: stored, blind, fresh });
  }

  delete<T extends Resource>(kind: Kind<T>, name: string): void {
    const { stored } = this.#written(kind, name);
    if (stored === undefined) this.writes.delete(keyOf(kind.name, name));
    else this.#write({ kind, name, record: undefined, before: stored, blind: false, fresh: false });
  }

  addToSet(set: string, member: string): void {
    this.sets.push({ add: true, set, member });
  }

  removeFromSet(set: string, member: string): void {
    this.sets.push({ add: false, set, member });
  }

  require({ fence, bounds }: { fence?: Fence | undefined; bounds: readonly Bound[] }): void {
    this.#fence = fence ?? this.#fence;
    this.bounds.push(...bounds);
  }

  /** What a record of this transaction replaces: it was read, or created, here. */
  #written(kind: { name: string }, name: string): { stored: StoredRecord | undefined; blind: boolean; fresh: boolean } {
    const key = keyOf(kind.name, name);
    const write = this.writes.get(key);
    if (write?.record !== undefined) return { stored: write.before, blind: write.blind, fresh: write.fresh };
    const stored = this.reads.get(key)?.stored;
    if (stored === undefined || write !== undefined) {
      throw new TypeError(`${kind.name} ${name} is written in a transaction that has not read it`);
    }
    return { stored, blind: false, fresh: false };
  }

  #write<T extends Resource>(
    write: Omit<TransactionWrite, "kind" | "record"> & { kind: Kind<T>; record: T | undefined },
  ): void {
    this.writes.set(keyOf(write.kind.name, write.name), { ...write, kind: write.kind as unknown as Kind<Resource> });
  }
}

/** The name is there already: becomes ALREADY_EXISTS. */
export class NameTaken extends Error {
  readonly taken: string;
  constructor(name: string) {
    super(`${name} exists already`);
    this.taken = name;
  }
}

/** Brings meta up to date before the record is encoded. Name, uid, generation and create_time are never the caller's. */
export function finishMeta({ kind, record, before, fresh }: TransactionWrite, now: Date): void {
  const meta = record?.meta;
  if (record === undefined || meta === undefined) return;
  if (before !== undefined && !fresh) {
    const old = decodeRecord(kind, before);
    const changed = Buffer.compare(kind.spec(old), kind.spec(record)) !== 0;
    meta.uid = old.meta!.uid;
    meta.createTime = old.meta!.createTime;
    meta.generation = old.meta!.generation + (changed ? 1n : 0n);
    meta.version = BigInt(versionOf(before.bytes));
  }
  meta.updateTime = now;
  meta.etag = etagOf(meta);
}

export function keyOf(kind: string, name: string): string {
  return `${kind}\n${name}`;
}
