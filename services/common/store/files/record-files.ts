import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { unavailable } from "../../errors/errors.ts";
import type { AnyKind } from "../api.ts";
import { ownerOf } from "../records/owner.ts";
import { RecordFolder } from "./folder.ts";
import type { FileHeader, RecordFile } from "./format.ts";
import { encodeFile } from "./format.ts";

export const TOMBSTONES_MAX = 10_000;
export const TOMBSTONE_AGE_MAX_MS = 7 * 24 * 3600 * 1000;
/** Files written before the folder is synced once for all of them. */
const BATCH_FILES = 64;
const RETRY_MS = 1_000;
/** How long a state that nobody waits for may be superseded by the next one: a job's steps follow each other, and the disk is slow. */
const LINGER_MS = 250;
/** `waitFor` gives up after this. */
export const FILE_WAIT_MS = 30_000;

export interface RecordFilesOptions {
  path: string;
  host: string;
  kinds: ReadonlyMap<string, AnyKind>;
  log: Logger;
  nowMs: () => number;
  signal: AbortSignal;
}

/** A change of a record, as the log tells it. */
export interface FileChange {
  kind: string;
  name: string;
  logId: string;
  version: number;
  schema: number;
  /** Empty: deleted. */
  bytes: Buffer;
}

interface Task {
  header: FileHeader;
  /** Undefined: the record belongs to another host now, its file goes without a tombstone. */
  bytes: Buffer | undefined;
}

interface Waiter {
  version: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * The record files of this host: the records of this host and those without a host. Written behind the log, at once where somebody waits
 * for it, the newest state of each record only; deletions leave a tombstone so that a Redis that was rolled back cannot bring the record back.
 */
export class RecordFiles {
  readonly #options: RecordFilesOptions;
  readonly #folder: RecordFolder;
  /** What is on disk, by uid. */
  readonly #onDisk = new Map<string, FileHeader>();
  readonly #pending = new Map<string, Task>();
  /** Of live records, on disk or pending. */
  readonly #uidByName = new Map<string, string>();
  readonly #waiters = new Map<string, Waiter[]>();
  #writing: Promise<void> | undefined;
  /** When everything pending is written, of `performance.now()`; undefined while nothing is pending. */
  #dueMs: number | undefined;
  #draining = false;
  /** Ends the wait for more. */
  #wake: (() => void) | undefined;
  #tombstones = 0;

  constructor(options: RecordFilesOptions) {
    this.#options = options;
    this.#folder = new RecordFolder(options.path);
  }

  /** Reads what is there. */
  async open(): Promise<void> {
    await this.#folder.readAll(
      ({ header }) => this.#remember(header),
      (file, error) => this.#options.log.error({ file, err: error }, "a record file is damaged and was set aside"),
    );
  }

  /** Of everything on disk. */
  get highestVersion(): number {
    let highest = 0;
    for (const { version } of this.#onDisk.values()) highest = Math.max(highest, version);
    return highest;
  }

  headers(): FileHeader[] {
    return [...this.#onDisk.values()];
  }

  /** Whether the uid has a tombstone: its record was kept here and was deleted. */
  isBuried(uid: string): boolean {
    return (this.#pending.get(uid)?.header ?? this.#onDisk.get(uid))?.deleted === true;
  }

  read(uid: string): Promise<RecordFile | undefined> {
    return this.#folder.read(uid);
  }

  /** Whether this host keeps the files of such records: its own, and those that have no host. */
  keeps(kind: string, host: string): boolean {
    return host === "" || host === this.#options.host || (this.#options.kinds.get(kind)?.hostless ?? false);
  }

  /** What this process has just written, and waits for: its file is begun before the log tells of it. Deletions come by the log alone. */
  note({ uid, ...change }: FileChange & { uid: string }): void {
    this.#enqueue({ header: { ...headerOf(change), uid, deleted: false, deleteTimeMs: 0 }, bytes: change.bytes });
  }

  /** Takes a change; written soon. An older state than the one known is left out. */
  apply(change: FileChange): void {
    if (!this.#options.kinds.has(change.kind)) return;
    const key = nameKey(change.kind, change.name);
    const known = this.#uidByName.get(key);
    if (change.bytes.length === 0) {
      if (known !== undefined) this.bury(known, change.logId, change.version);
      return;
    }
    const { uid, host } = ownerOf(change.bytes);
    if (known !== undefined && known !== uid) this.bury(known, change.logId, change.version);
    const header = { ...headerOf(change), uid, deleted: false, deleteTimeMs: 0 };
    if (this.keeps(change.kind, host)) {
      if (this.#enqueue({ header, bytes: change.bytes }) || this.#has(header)) this.#uidByName.set(key, uid);
    } else if (this.#onDisk.has(uid) || this.#pending.has(uid)) {
      this.#uidByName.delete(key);
      this.#enqueue({ header, bytes: undefined });
    }
  }

  /** Replaces a record's file by a tombstone. */
  bury(uid: string, logId: string, version: number): void {
    const known = this.#pending.get(uid)?.header ?? this.#onDisk.get(uid);
    if (known === undefined || known.deleted) return;
    const key = nameKey(known.kind, known.name);
    if (this.#uidByName.get(key) === uid) this.#uidByName.delete(key);
    const header = { ...known, logId, version, deleted: true, deleteTimeMs: Math.round(this.#options.nowMs()) };
    this.#enqueue({ header, bytes: Buffer.alloc(0) });
  }

  /** Resolves when the disk has this version or a newer one of the record. UNAVAILABLE after FILE_WAIT_MS. */
  waitFor(uid: string, version: number): Promise<void> {
    if ((this.#onDisk.get(uid)?.version ?? 0) >= version) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (work: () => void): void => {
        clearTimeout(timer);
        this.#forget(uid, waiter);
        work();
      };
      const waiter: Waiter = { version, resolve: () => end(resolve), reject: (error) => end(() => reject(error)) };
      const late = unavailable("RECORD_FILE_LATE", "the record's file could not be written in time");
      const timer = setTimeout(() => waiter.reject(late), FILE_WAIT_MS);
      const waiters = this.#waiters.get(uid);
      if (waiters === undefined) this.#waiters.set(uid, [waiter]);
      else waiters.push(waiter);
      this.#wake?.();
    });
  }

  /** Resolves when everything taken so far is on disk. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#wake?.();
    while (this.#writing !== undefined) await this.#writing;
    this.#draining = false;
  }

  /** Writes what was taken so far; nobody is kept waiting for more. */
  async close(): Promise<void> {
    await this.drain();
    const closed = unavailable("STORE_CLOSED", "the store was closed before the record's file was written");
    for (const waiter of [...this.#waiters.values()].flat()) waiter.reject(closed);
  }

  #forget(uid: string, waiter: Waiter): void {
    const left = this.#waiters.get(uid)?.filter((other) => other !== waiter) ?? [];
    if (left.length === 0) this.#waiters.delete(uid);
    else this.#waiters.set(uid, left);
  }

  #remember(header: FileHeader): void {
    if (this.#onDisk.get(header.uid)?.deleted) this.#tombstones--;
    this.#onDisk.set(header.uid, header);
    if (header.deleted) this.#tombstones++;
    else this.#uidByName.set(nameKey(header.kind, header.name), header.uid);
  }

  /** Whether this very state is what is on disk, or will be. */
  #has({ uid, version, logId, deleted }: FileHeader): boolean {
    const known = this.#pending.get(uid)?.header ?? this.#onDisk.get(uid);
    return known?.version === version && known.logId === logId && known.deleted === deleted;
  }

  #enqueue(task: Task): boolean {
    const { uid, version, logId } = task.header;
    const known = this.#pending.get(uid)?.header ?? this.#onDisk.get(uid);
    if (known !== undefined && (known.version > version || (known.version === version && known.logId === logId))) {
      return false;
    }
    this.#pending.set(uid, task);
    this.#dueMs ??= performance.now() + LINGER_MS;
    if (this.#waiters.has(uid)) this.#wake?.();
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
    return true;
  }

  async #write(): Promise<void> {
    const { log, signal } = this.#options;
    // Lets the changes of one turn come together.
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const batch = this.#nextBatch();
      if (batch.length === 0) {
        await this.#linger();
        continue;
      }
      try {
        await this.#prune();
        await Promise.all(batch.map((task) => this.#writeOne(task)));
        await this.#folder.sync();
        for (const task of batch) this.#done(task);
      } catch (error) {
        log.error({ err: error }, "record files cannot be written: trying again");
        if (signal.aborted) return;
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
        this.#dueMs = 0;
      }
    }
  }

  /** What somebody waits for; everything when its time has come. */
  #nextBatch(): Task[] {
    const whole = this.#draining || performance.now() >= (this.#dueMs ?? 0);
    const tasks = [...this.#pending.values()].filter((task) => whole || this.#isAwaited(task));
    // What does not fit in follows at once.
    if (whole && tasks.length <= BATCH_FILES) this.#dueMs = undefined;
    return tasks.slice(0, BATCH_FILES);
  }

  #isAwaited({ header: { uid, version } }: Task): boolean {
    return this.#waiters.get(uid)?.some((waiter) => waiter.version <= version) ?? false;
  }

  async #linger(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.max(0, (this.#dueMs ?? 0) - performance.now()));
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    this.#wake = undefined;
  }

  async #writeOne({ header, bytes }: Task): Promise<void> {
    if (bytes === undefined) await this.#folder.remove(header.uid);
    else await this.#folder.write(header.uid, encodeFile(header, bytes), this.#onDisk.has(header.uid));
  }

  #done(task: Task): void {
    const { header, bytes } = task;
    if (this.#pending.get(header.uid) === task) this.#pending.delete(header.uid);
    if (bytes === undefined) this.#onDisk.delete(header.uid);
    else this.#remembered(header);
    const waiters = this.#waiters.get(header.uid) ?? [];
    for (const waiter of waiters.filter(({ version }) => version <= header.version)) waiter.resolve();
  }

  /** As #remember, but the names follow what was taken, not what was written. */
  #remembered(header: FileHeader): void {
    if (this.#onDisk.get(header.uid)?.deleted) this.#tombstones--;
    this.#onDisk.set(header.uid, header);
    if (header.deleted) this.#tombstones++;
  }

  /** Removes the oldest tombstones beyond their number, and those that are too old. */
  async #prune(): Promise<void> {
    if (this.#tombstones <= TOMBSTONES_MAX) return;
    const tombstones = this.headers()
      .filter((header) => header.deleted)
      .sort((a, b) => a.deleteTimeMs - b.deleteTimeMs);
    // A tenth at a time, so that it is not done at each deletion.
    await this.#removeTombstones(tombstones.slice(0, tombstones.length - Math.floor(TOMBSTONES_MAX * 0.9)));
  }

  /** Removes tombstones older than TOMBSTONE_AGE_MAX_MS. */
  async pruneOld(): Promise<void> {
    const oldestMs = this.#options.nowMs() - TOMBSTONE_AGE_MAX_MS;
    await this.#removeTombstones(
      this.headers().filter(({ deleted, deleteTimeMs }) => deleted && deleteTimeMs < oldestMs),
    );
  }

  async #removeTombstones(headers: FileHeader[]): Promise<void> {
    for (const { uid } of headers) {
      if (this.#pending.has(uid)) continue;
      await this.#folder.remove(uid);
      this.#onDisk.delete(uid);
      this.#tombstones--;
    }
  }
}

function headerOf({
  kind,
  name,
  logId,
  version,
  schema,
}: FileChange): Omit<FileHeader, "uid" | "deleted" | "deleteTimeMs"> {
  return { kind, name, logId, version, schema };
}

function nameKey(kind: string, name: string): string {
  return `${kind}\n${name}`;
}
