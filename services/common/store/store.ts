import { join } from "node:path";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import { connectRedis, waitReady } from "../redis/connect.ts";
import type { StoreKeys } from "../redis/keys.ts";
import { servicePrefix, storeKeys } from "../redis/keys.ts";
import type {
  AnyKind,
  CommitOptions,
  Kind,
  ListOptions,
  Page,
  RecordChange,
  Resource,
  Store,
  Transaction,
} from "./api.ts";
import { ChangeListeners } from "./changes.ts";
import { RealmClock } from "./clock.ts";
import { RecordFiles } from "./files/record-files.ts";
import { LogIdentity } from "./identity.ts";
import { LINK_OPTIONS, REDIS_TIMEOUT_MS, RedisLink } from "./link.ts";
import { followLog } from "./log/follower.ts";
import type { LogPolicy } from "./log/janitor.ts";
import { LOG_POLICY, runJanitor } from "./log/janitor.ts";
import type { LogHold } from "./log/hold.ts";
import { holdLog } from "./log/hold.ts";
import type { LogChunk, LogPosition } from "./log/read-log.ts";
import { logPosition, readLog } from "./log/read-log.ts";
import type { TailEntry } from "./log/tail.ts";
import { LogTail } from "./log/tail.ts";
import { READ_POSITION } from "./lua/read.ts";
import { RecordStore } from "./records/record-store.ts";
import type { StoredPage } from "./records/record-store.ts";
import { checkSchemas } from "./records/schemas.ts";
import { versionOf } from "./records/stored.ts";
import { reconcile } from "./recovery/reconcile.ts";
import type { StoreState } from "./recovery/recovery.ts";
import { Recovery } from "./recovery/recovery.ts";

/** `openStore` waits this long for Redis. */
export const OPEN_TIMEOUT_MS = 30_000;
const TOMBSTONE_ROUND_MS = 3_600_000;
const REPORT_PAGE_RECORDS = 500;

export interface StoreOptions {
  service: string;
  /** Id of this host. */
  host: string;
  redisUrl: string;
  /** Record files go to `<dataDir>/records/<service>`. */
  dataDir: string;
  /** Every kind that the service keeps. */
  kinds: readonly AnyKind[];
  log: Logger;
  signal: AbortSignal;
  /** Event.origin of records; the service's name if absent. */
  originName?: string;
  logPolicy?: Partial<LogPolicy>;
}

/**
 * Opens a service's store. Rejects when Redis is not there within OPEN_TIMEOUT_MS, or holds records of a newer schema than this
 * version of Gantry knows.
 */
export async function openStore(options: StoreOptions): Promise<StoreHandle> {
  const store = new StoreHandle(options);
  try {
    await store.open();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

export class StoreHandle implements Store {
  readonly service: string;
  readonly prefix: string;
  /** Event.origin of the records. */
  readonly origin: string;
  readonly kinds: ReadonlyMap<string, AnyKind>;
  readonly keys: StoreKeys;
  /** The recent log, for the Watch server. */
  readonly tail = new LogTail();
  readonly link: RedisLink;
  readonly #options: StoreOptions;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #clock = new RealmClock();
  readonly #reader: Redis;
  /** For long replies, so that they do not hold up writes. */
  readonly #bulk: Redis;
  readonly #files: RecordFiles;
  readonly #recovery: Recovery;
  readonly #records: RecordStore;
  readonly #changes: ChangeListeners;
  readonly #rebuilt = new Set<() => void>();
  readonly #running: Promise<void>[] = [];
  #pruning: NodeJS.Timeout | undefined;

  constructor(options: StoreOptions) {
    const { service, log, kinds, host, dataDir, redisUrl } = options;
    this.#options = options;
    this.service = service;
    this.origin = options.originName ?? service;
    this.prefix = servicePrefix(service);
    this.keys = storeKeys(this.prefix);
    this.kinds = new Map(kinds.map((kind) => [kind.name, kind]));
    this.#signal = AbortSignal.any([options.signal, this.#closing.signal]);
    this.#changes = new ChangeListeners(log);
    const redis = connectRedis(redisUrl, { ...LINK_OPTIONS, commandTimeout: REDIS_TIMEOUT_MS });
    this.#reader = connectRedis(redisUrl, LINK_OPTIONS);
    this.#bulk = connectRedis(redisUrl, { ...LINK_OPTIONS, commandTimeout: REDIS_TIMEOUT_MS });
    this.link = new RedisLink(redis, new LogIdentity(), this.#clock);
    this.#files = new RecordFiles({
      path: join(dataDir, "records", service),
      host,
      kinds: this.kinds,
      log,
      nowMs: () => this.#clock.nowMs(),
      signal: this.#signal,
    });
    const parts = { link: this.link, keys: this.keys, files: this.#files, log, signal: this.#signal };
    this.#recovery = new Recovery({
      ...parts,
      tail: this.tail,
      reconcile: (logId) => reconcile({ ...parts, service: this.origin, kinds: this.kinds }, logId),
      onRebuilt: () => this.#onRebuilt(),
    });
    this.#records = new RecordStore(this.link, this.keys, this.origin, this.#recovery);
  }

  /** Called by `openStore`. */
  async open(): Promise<void> {
    const { log, logPolicy } = this.#options;
    const { tail, keys } = this;
    await this.#files.open();
    await waitReady(this.link.redis, OPEN_TIMEOUT_MS);
    await checkSchemas(this.link.redis, keys, this.kinds, this.#files.headers());
    await this.#recovery.start();
    const follower = followLog({
      redis: this.#reader,
      logKey: keys.log,
      identity: this.link.identity,
      tail,
      log,
      signal: this.#signal,
      onEntry: (entry) => this.#onEntry(entry),
      verify: () => this.#recovery.verify(),
      onGap: () => this.#onRebuilt(),
    });
    const janitor = runJanitor({
      redis: this.link.redis,
      keys,
      policy: { ...LOG_POLICY, ...logPolicy },
      nowMs: () => this.#clock.nowMs(),
      log,
      signal: this.#signal,
    });
    this.#running.push(follower, janitor);
    this.#pruning = setInterval(() => {
      this.#files.pruneOld().catch((error: unknown) => log.warn({ err: error }, "old tombstones cannot be removed"));
    }, TOMBSTONE_ROUND_MS);
    this.#pruning.unref();
  }

  /** Writes what is left of the record files and ends the connections. */
  async close(): Promise<void> {
    clearInterval(this.#pruning);
    this.#closing.abort(new Error("the store was closed"));
    this.link.redis.disconnect();
    this.#reader.disconnect();
    this.#bulk.disconnect();
    await Promise.allSettled(this.#running);
    await this.#files.close();
  }

  get state(): StoreState {
    return this.#recovery.state;
  }

  /** Calls back when the records begin to be, and have been, rebuilt; returns the way to stop. */
  onState(listener: (state: StoreState) => void): () => void {
    return this.#recovery.onState(listener);
  }

  /**
   * Calls back when changes may have been missed (Redis lost data and was rebuilt, or the log was trimmed under this process). Every
   * record is reported to `onChange` once more after it; sets of a wiped Redis are gone. Returns the way to stop.
   */
  onRebuilt(listener: () => void): () => void {
    this.#rebuilt.add(listener);
    return () => this.#rebuilt.delete(listener);
  }

  /** Whether this host knows for sure that the record of that uid was deleted (tombstones are kept for 7 days). */
  wasDeleted(uid: string): boolean {
    return this.#files.isBuried(uid);
  }

  now(): Date {
    return this.#clock.now();
  }

  get<T extends Resource>(kind: Kind<T>, name: string): Promise<T | undefined> {
    return this.#records.get(kind, name);
  }

  need<T extends Resource>(kind: Kind<T>, name: string): Promise<T> {
    return this.#records.need(kind, name);
  }

  list<T extends Resource>(kind: Kind<T>, options: ListOptions): Promise<Page<T>> {
    return this.#records.list(kind, options);
  }

  all<T extends Resource>(kind: Kind<T>, prefix = ""): AsyncIterable<T> {
    return this.#records.all(kind, prefix);
  }

  /** Records of a kind as they are stored, in the order of their names: for snapshots. */
  readPage(kind: string, prefix: string, after: string, size: number): Promise<StoredPage> {
    return this.#records.readPage(kind, prefix, after, size);
  }

  /** At most `count` entries of the log behind a revision, and about `bytes` of them, from Redis. */
  readLog(after: number, count: number, bytes: number): Promise<LogChunk> {
    return readLog(this.#bulk, this.keys.log, after, count, bytes);
  }

  /** What the log is now. */
  async position(): Promise<LogPosition> {
    return logPosition(await this.link.readAny(READ_POSITION, [this.keys.meta, this.keys.log], [0]));
  }

  /** Keeps the log from being trimmed behind a revision while a snapshot runs. */
  holdLog(revision: number): Promise<LogHold> {
    return holdLog(this.link.redis, this.keys, this.#clock, revision, this.#options.log);
  }

  /**
   * A process of the realm has seen this revision of the present log. When the log is not that far it has lost something: true, and
   * the records are rebuilt.
   */
  reportSeen(revision: number): boolean {
    if (!Number.isSafeInteger(revision) || revision <= this.link.identity.seen) return false;
    this.link.identity.see(revision);
    this.#recovery.suspect();
    this.#recovery
      .verify()
      .catch((error: unknown) => this.#options.log.debug({ err: error }, "the log cannot be checked"));
    return true;
  }

  /** Looks now whether Redis still has the log that this process knows; also done each second. */
  verify(): Promise<void> {
    return this.#recovery.verify();
  }

  /** Whether Redis can be asked now. */
  get connected(): boolean {
    return this.link.redis.status === "ready";
  }

  /** Calls back when the connection to Redis comes or goes; returns the way to stop. */
  onConnection(listener: () => void): () => void {
    const { redis } = this.link;
    redis.on("ready", listener);
    redis.on("close", listener);
    return () => {
      redis.off("ready", listener);
      redis.off("close", listener);
    };
  }

  setMembers(set: string): Promise<string[]> {
    return this.#records.setMembers(set);
  }

  transact<R>(fn: (tx: Transaction) => Promise<R>, options: CommitOptions = {}): Promise<R> {
    return this.#records.transact(fn, options, async ({ revision, written }) => {
      const mine = options.durable ? written.filter(({ kind, host }) => this.#files.keeps(kind, host)) : [];
      for (const { bytes, ...record } of mine) {
        if (bytes.length > 0)
          this.#files.note({ ...record, logId: this.link.identity.logId, version: revision, bytes });
      }
      const durable = Promise.all(mine.map(({ uid }) => this.#files.waitFor(uid, revision)));
      options.committed?.();
      await durable;
    });
  }

  mutate<T extends Resource>(
    kind: Kind<T>,
    name: string,
    change: (record: T, tx: Transaction) => void | false | Promise<void | false>,
    options: CommitOptions = {},
  ): Promise<T> {
    return this.transact(async (tx) => {
      const record = await tx.need(kind, name);
      if ((await change(record, tx)) !== false) tx.put(kind, record);
      return record;
    }, options);
  }

  onChange(listener: (change: RecordChange) => void): () => void {
    return this.#changes.add(listener);
  }

  async persist<T extends Resource>(kind: Kind<T>, record: T): Promise<void> {
    const { uid, version, host, name } = record.meta!;
    if (!this.#files.keeps(kind.name, host)) throw new TypeError(`the file of ${name} is kept on ${host}, not here`);
    await this.#files.waitFor(uid, Number(version));
  }

  #onEntry(entry: TailEntry): void {
    for (const [index, { kind, name, valueStart, valueEnd }] of entry.views.entries()) {
      const schema = entry.schemas?.[index] ?? 1;
      const bytes = entry.data.subarray(valueStart, valueEnd);
      this.#files.apply({ kind, name, logId: this.tail.logId, version: entry.revision, schema, bytes });
    }
    this.#changes.entry(entry);
  }

  #onRebuilt(): void {
    this.tail.wake();
    for (const listener of this.#rebuilt) listener();
    if (this.#changes.size === 0) return;
    this.#reportAll().catch((error: unknown) => {
      if (this.#signal.aborted) return;
      this.#options.log.warn({ err: error }, "the records could not be reported anew: listeners may be behind");
    });
  }

  async #reportAll(): Promise<void> {
    for (const kind of this.kinds.keys()) {
      for (let after = ""; ;) {
        const page = await this.readPage(kind, "", after, REPORT_PAGE_RECORDS);
        for (const [index, { bytes }] of page.records.entries()) {
          const revision = BigInt(versionOf(bytes));
          this.#changes.change({ kind, name: page.names[index]!, revision, deleted: false, bytes });
        }
        if (page.names.length < REPORT_PAGE_RECORDS) break;
        after = page.names.at(-1)!;
      }
    }
  }
}
