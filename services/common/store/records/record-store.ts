import { setTimeout as delay } from "node:timers/promises";
import { GantryError, alreadyExists, notFound } from "../../errors/errors.ts";
import { status as Code } from "@grpc/grpc-js";
import { parseSelector } from "../../names/selector.ts";
import type { StoreKeys } from "../../redis/keys.ts";
import type { CommitOptions, Kind, ListOptions, Page, Resource, Transaction } from "../api.ts";
import { DuplicateRequest } from "../api.ts";
import type { RedisLink, Reply } from "../link.ts";
import { Regressed, text } from "../link.ts";
import { READ, READ_PAGE, READ_SET } from "../lua/read.ts";
import type { Recovery } from "../recovery/recovery.ts";
import type { Committed } from "./commit.ts";
import { Conflict, commit } from "./commit.ts";
import { formatPageToken, parsePageToken } from "./page-token.ts";
import { decodeRecord, splitStored } from "./stored.ts";
import type { StoredRecord } from "./stored.ts";
import { NameTaken, PendingTransaction, type ReadStored } from "./transaction.ts";

export const TRANSACTION_TRIES = 20;
const BACKOFF_MAX_MS = 40;
/** Reasons of errors after which Redis can't be asked either. */
const STORE_AWAY: ReadonlySet<string> = new Set(["REDIS_UNAVAILABLE", "OUTCOME_UNKNOWN", "REBUILDING"]);
const PAGE_SIZE_MAX = 1_000;
/** A list with a selector looks at this many records at most before it returns a short page. */
const SCAN_RECORDS_MAX = 10_000;
const ALL_PAGE_RECORDS = 500;
/** Of one read of a list: a record may be large. */
const LIST_READ_RECORDS = 250;
/** A page with more has fewer items: an answer must fit into a message. */
const PAGE_BYTES_MAX = 2 * 1024 * 1024;

/** One page of records as Redis has them. */
export interface StoredPage {
  logId: string;
  revision: number;
  names: string[];
  records: StoredRecord[];
}

/** Reads and transactions. */
export class RecordStore {
  readonly #link: RedisLink;
  readonly #keys: StoreKeys;
  readonly #service: string;
  readonly #recovery: Recovery;

  constructor(link: RedisLink, keys: StoreKeys, service: string, recovery: Recovery) {
    this.#link = link;
    this.#keys = keys;
    this.#service = service;
    this.#recovery = recovery;
  }

  async get<T extends Resource>(kind: Kind<T>, name: string): Promise<T | undefined> {
    const stored = await this.#readStored(kind.name, name);
    return stored && decodeRecord(kind, stored);
  }

  async need<T extends Resource>(kind: Kind<T>, name: string): Promise<T> {
    const record = await this.get(kind, name);
    if (record === undefined) throw notFound(name);
    return record;
  }

  async list<T extends Resource>(kind: Kind<T>, options: ListOptions): Promise<Page<T>> {
    const selector = parseSelector(options.labelSelector ?? "");
    const prefix = options.prefix ?? "";
    const filter = { kind: kind.name, prefix, selector: selector.canonical };
    const size = Math.max(1, Math.min(PAGE_SIZE_MAX, options.pageSize));
    let after = options.pageToken ? parsePageToken(filter, options.pageToken) : "";
    const page: Page<T> = { items: [], nextPageToken: "", revision: 0n, logId: "" };
    // One more than wanted tells whether another page follows.
    const count = Math.min(size + 1, LIST_READ_RECORDS);
    for (let scanned = 0, bytes = 0; ;) {
      const found = await this.readPage(kind.name, prefix, after, count);
      if (page.logId === "") Object.assign(page, { revision: BigInt(found.revision), logId: found.logId });
      for (const [index, stored] of found.records.entries()) {
        const full = page.items.length === size || (bytes > 0 && bytes + stored.bytes.length > PAGE_BYTES_MAX);
        if (full || scanned >= SCAN_RECORDS_MAX) return { ...page, nextPageToken: formatPageToken(filter, after) };
        after = found.names[index]!;
        scanned++;
        const record = decodeRecord(kind, stored);
        if (!selector(record.meta!.labels)) continue;
        page.items.push(record);
        bytes += stored.bytes.length;
      }
      if (found.names.length < count) return page;
    }
  }

  async *all<T extends Resource>(kind: Kind<T>, prefix = ""): AsyncGenerator<T> {
    for (let after = ""; ;) {
      const page = await this.readPage(kind.name, prefix, after, ALL_PAGE_RECORDS);
      for (const stored of page.records) yield decodeRecord(kind, stored);
      if (page.names.length < ALL_PAGE_RECORDS) return;
      after = page.names.at(-1)!;
    }
  }

  async setMembers(set: string): Promise<string[]> {
    const reply = await this.#gated(() => this.#link.read(READ_SET, [this.#keys.meta], [this.#keys.set(set)]));
    return (reply[4] as Reply).map(text);
  }

  /** Records of a kind in the order of their names, behind `after`. */
  async readPage(kind: string, prefix: string, after: string, size: number): Promise<StoredPage> {
    const range = pageRange(prefix, after);
    const args = [this.#keys.names(kind), this.#keys.records(kind), ...range, size];
    return pageOf(await this.#gated(() => this.#link.read(READ_PAGE, [this.#keys.meta], args)));
  }

  async transact<R>(
    fn: (tx: Transaction) => Promise<R>,
    options: CommitOptions,
    onCommitted: (committed: Committed) => Promise<void>,
  ): Promise<R> {
    const read: ReadStored = (kind, name) => this.#readStored(kind, name);
    let { known } = options;
    for (let attempt = 1; ; attempt++) {
      await this.#recovery.gate();
      const tx = new PendingTransaction(this.#link.clock.now(), read, known);
      known = undefined;
      let committed: Committed;
      let result: R;
      let written = false;
      try {
        result = await fn(tx);
        written = tx.writes.size > 0 || tx.sets.length > 0 || options.request !== undefined;
        if (!written && tx.guessed) continue;
        if (!written) return result;
        committed = await commit(this.#link, this.#keys, this.#service, tx, options);
      } catch (error) {
        if (tx.guessed && (!written || error instanceof Conflict)) continue;
        await this.#afterFailure(error, attempt, options);
        continue;
      }
      for (const { record } of tx.writes.values()) {
        if (record?.meta !== undefined) record.meta.version = BigInt(committed.revision);
      }
      await onCommitted(committed);
      return result;
    }
  }

  /** Returns when the transaction is to run again; throws what the caller gets otherwise. */
  async #afterFailure(error: unknown, attempt: number, options: CommitOptions): Promise<void> {
    const last = attempt >= TRANSACTION_TRIES;
    if (error instanceof Regressed && !last) {
      this.#recovery.suspect();
      return;
    }
    if (error instanceof Conflict && !last) {
      await delay(Math.random() * Math.min(BACKOFF_MAX_MS, 2 ** attempt));
      return;
    }
    if (error instanceof Conflict || error instanceof Regressed) {
      const message = `${error.message}: tried ${attempt} times, try again later`;
      throw new GantryError(Code.ABORTED, message, { reason: "CONFLICT", cause: error });
    }
    const refused = error instanceof NameTaken ? alreadyExists(error.taken) : error;
    // A repeated request often fails on what its first run made: it still gets the answer of the first.
    if (options.request !== undefined && refused instanceof GantryError && !STORE_AWAY.has(refused.reason)) {
      const value = await this.#requestValue(options.request.key);
      if (value !== null) throw new DuplicateRequest(value);
    }
    throw refused;
  }

  /** Null when the request is not remembered, or that cannot be found out now. */
  async #requestValue(key: string): Promise<string | null> {
    try {
      return await this.#link.redis.get(this.#keys.request(key));
    } catch {
      return null;
    }
  }

  async #readStored(kind: string, name: string): Promise<StoredRecord | undefined> {
    const args = [this.#keys.records(kind), name];
    const reply = await this.#gated(() => this.#link.read(READ, [this.#keys.meta], args));
    return reply[4] ? splitStored(reply[4] as Buffer) : undefined;
  }

  /** Reads wait, bounded, while the records are being rebuilt, and once more when a reply shows that they have to be. */
  async #gated(read: () => Promise<Reply>): Promise<Reply> {
    await this.#recovery.gate();
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof Regressed)) throw error;
      this.#recovery.suspect();
      await this.#recovery.gate();
      return read();
    }
  }
}

/** ZRANGEBYLEX limits: names are UTF-8, which has no byte 0xff. */
export function pageRange(prefix: string, after: string): [string, string | Buffer] {
  const end = Buffer.concat([Buffer.from(`[${prefix}`), Buffer.from([0xff])]);
  return [after === "" ? `[${prefix}` : `(${after}`, end];
}

export function pageOf(reply: Reply): StoredPage {
  const names = (reply[4] as Reply).map(text);
  const records = (reply[5] as Buffer[]).map(splitStored);
  return { logId: text(reply[0]), revision: Number(text(reply[1])), names, records };
}
