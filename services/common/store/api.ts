import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Meta } from "../../../proto/gen/gantry/common/v1/meta.ts";

/** A managed thing: `meta` is its first field. */
export interface Resource {
  meta: Meta | undefined;
}

/** What the store needs to know of a kind of resource. One constant per kind, shared by all who use it. */
export interface Kind<T extends Resource> {
  /** As in Event.kind, for example `Instance`. */
  readonly name: string;
  /** Full proto name, for example `gantry.compute.v1.Instance`. */
  readonly typeName: string;
  readonly message: {
    encode(message: T, writer?: BinaryWriter): BinaryWriter;
    decode(input: BinaryReader | Uint8Array, length?: number): T;
  };
  /** Number of the record's present layout, 1 or more; stored with each record. */
  readonly schema: number;
  /** Brings a record of an older schema up to `schema`. Only where schema > 1. */
  readonly migrate?: (bytes: Uint8Array, fromSchema: number) => T;
  /** Fields that make up the spec, encoded: tells whether a write changes the generation. */
  spec(record: T): Uint8Array;
  /** The record without what may be secret, as users' watchers get it. Only where a kind has such fields (`debug_redact`). */
  redact?(record: T): T;
  /** True for records that have no host and are kept on every host (projects, mirrors). */
  readonly hostless: boolean;
}

/** Proof of holding a lease: a write that carries it fails with reason FENCED when the lease has passed to another. */
export interface Fence {
  /** Redis key of the lease. */
  readonly key: string;
  readonly token: string;
}

/** A record as this process last read or wrote it. */
export interface KnownRecord {
  kind: Kind<Resource>;
  name: string;
  /** Undefined: there is none of that name. */
  record: Resource | undefined;
}

/** How much there may be in some of Redis's own lists and sorted sets together: what waits in a queue, for example. */
export interface Bound {
  /** Keys under the store's prefix. */
  readonly lists: readonly string[];
  readonly sortedSets: readonly string[];
  /** With as many members or more nothing is written, and Full is thrown. */
  readonly max: number;
}

export interface CommitOptions {
  fence?: Fence | undefined;
  /**
   * AIP-155: remembered for 24 h together with this write. If `key` is remembered already nothing is written and
   * DuplicateRequest is thrown with the value remembered.
   */
  request?: { key: string; value: string } | undefined;
  /** Resolve only when the record files on this host are on disk too (records of this host and hostless ones). */
  durable?: boolean;
  /**
   * Taken as read by the first run, which saves the questions: the write finds out whether they are still so. Where one is not, or that run
   * writes nothing or throws, it all runs again and asks.
   */
  known?: readonly KnownRecord[];
  /** Called once, when the write is in Redis: what needs no more than that can begin beside the wait for the files. */
  committed?: () => void;
}

/** Thrown by a transaction whose request id was seen before. */
export class DuplicateRequest extends Error {
  readonly value: string;
  constructor(value: string) {
    super("request id was used before");
    this.value = value;
  }
}

/** Thrown by a transaction one of whose bounds was reached. */
export class Full extends Error {
  constructor() {
    super("a bound of the write is reached");
  }
}

/**
 * Reads and writes that take effect together or not at all, in one revision of the log. The function given to
 * `Store.transact` may run more than once: it must have no effect of its own.
 */
export interface Transaction {
  /** The realm's time (Redis clock). */
  readonly now: Date;
  get<T extends Resource>(kind: Kind<T>, name: string): Promise<T | undefined>;
  /** As get, but NOT_FOUND when it is not there. */
  need<T extends Resource>(kind: Kind<T>, name: string): Promise<T>;
  /** Fails with ALREADY_EXISTS if the name is taken. Fills in uid (unless the record has one), etag, generation 1, create_time, update_time, version. */
  create<T extends Resource>(kind: Kind<T>, record: T): void;
  /**
   * Replaces the record that this transaction read under the same name. Recomputes etag, update_time, version; generation grows
   * when the spec differs. The whole transaction runs again when the record was changed in between.
   */
  put<T extends Resource>(kind: Kind<T>, record: T): void;
  /** Deletes the record that this transaction read; a tombstone ends it in the log. */
  delete<T extends Resource>(kind: Kind<T>, name: string): void;
  /** Named sets kept beside the records (indexes, intents), changed in the same write. */
  addToSet(set: string, member: string): void;
  removeFromSet(set: string, member: string): void;
  /** What must hold beside the reads when it is written: looked at in the same write, after everything else. */
  require(guard: { fence?: Fence | undefined; bounds: readonly Bound[] }): void;
}

export interface ListOptions {
  /** Only names that begin with this. */
  prefix?: string;
  /** 1 to 1,000; a page of large records has fewer. */
  pageSize: number;
  /** From the page before; INVALID_ARGUMENT when it was given for other options. */
  pageToken?: string;
  /** Kubernetes label selector. */
  labelSelector?: string;
}

export interface Page<T> {
  items: T[];
  /** Empty on the last page. */
  nextPageToken: string;
  /** Watch from here to miss nothing. */
  revision: bigint;
  logId: string;
}

export interface Store {
  readonly service: string;
  /** Redis key prefix with hash tag, `{gantry:compute}`. */
  readonly prefix: string;
  /** The realm's time: Redis TIME as last seen, carried on by this process's monotonic clock. */
  now(): Date;
  get<T extends Resource>(kind: Kind<T>, name: string): Promise<T | undefined>;
  need<T extends Resource>(kind: Kind<T>, name: string): Promise<T>;
  list<T extends Resource>(kind: Kind<T>, options: ListOptions): Promise<Page<T>>;
  /** Every record of the kind, page by page. */
  all<T extends Resource>(kind: Kind<T>, prefix?: string): AsyncIterable<T>;
  /** Runs `fn` until its reads are still true when it is written (at most 20 times, then ABORTED); resolves to what `fn` returned. */
  transact<R>(fn: (tx: Transaction) => Promise<R>, options?: CommitOptions): Promise<R>;
  /** One record, read, changed and written; `change` returns false to leave it as it is. NOT_FOUND when it is not there. */
  mutate<T extends Resource>(
    kind: Kind<T>,
    name: string,
    change: (record: T, tx: Transaction) => void | false | Promise<void | false>,
    options?: CommitOptions,
  ): Promise<T>;
  setMembers(set: string): Promise<string[]>;
  /** Calls back after each committed change of a record, whoever wrote it, in order; returns the way to stop. */
  onChange(listener: (change: RecordChange) => void): () => void;
  /** Waits until the record file of this host is on disk with at least what `record` holds. */
  persist<T extends Resource>(kind: Kind<T>, record: T): Promise<void>;
}

export interface RecordChange {
  kind: string;
  name: string;
  revision: bigint;
  deleted: boolean;
  /** Encoded record; empty when deleted. Decode with the kind's message. */
  bytes: Uint8Array;
}

/** Any kind, for lists of them: `Kind<T>` fits whatever T is. */
export interface AnyKind {
  readonly name: string;
  readonly typeName: string;
  readonly message: {
    encode(message: never, writer?: BinaryWriter): BinaryWriter;
    decode(input: BinaryReader | Uint8Array, length?: number): unknown;
  };
  readonly schema: number;
  readonly migrate?: (bytes: Uint8Array, fromSchema: number) => unknown;
  readonly spec: (record: never) => Uint8Array;
  redact?(record: never): unknown;
  readonly hostless: boolean;
}
