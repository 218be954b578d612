import { status as Code } from "@grpc/grpc-js";
import type { WatchRequest } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { GantryError } from "../errors/errors.ts";
import type { EventView } from "../store/log/event.ts";
import { parseEvents } from "../store/log/event.ts";
import type { LogChunk } from "../store/log/read-log.ts";
import type { TailEntry } from "../store/log/tail.ts";
import type { StoreHandle } from "../store/store.ts";
import type { BatchTrailer } from "./batch.ts";
import { BATCH_BYTES, BATCH_EVENTS, EventBuffer } from "./batch.ts";
import type { WatchFilter } from "./filter.ts";
import { snapshotEvent } from "./snapshot-event.ts";

const PAGE_RECORDS = 500;
/** Chunks of the log under way from Redis for one watcher. */
const CHUNKS_AHEAD = 4;

/** `idle`: ask again when the tail or the store's state has changed. `retry`: Redis cannot be asked now, ask again soon. */
export type FeedStep = { events: Buffer[]; trailer: BatchTrailer } | "idle" | "retry";

export interface RecordFeedOptions {
  store: StoreHandle;
  filter: WatchFilter;
  request: Pick<WatchRequest, "logId" | "since">;
  /** The watcher is one of the realm's own processes: what it has seen of the log is evidence. */
  trusted: boolean;
}

/** The log under the watcher has ended, or a part that it needs was trimmed: it begins again with a snapshot. */
class Restart extends Error {}

/** Versions of records that a snapshot sent in a state newer than its revision: their older events are left out. */
type SentVersions = Map<string, number>;

/** Record events for one watcher: snapshot or resume, then the log, for ever. */
export class RecordFeed {
  readonly #options: RecordFeedOptions;
  #logId = "";
  #position = 0;
  #whole = false;
  #ahead: { after: number; end: number; chunk: Promise<LogChunk> }[] = [];

  constructor(options: RecordFeedOptions) {
    this.#options = options;
  }

  /** What the watcher has when it has taken all steps so far; revision 0 while a snapshot is under way. */
  get bookmark(): BatchTrailer {
    return { logId: this.#logId, revision: this.#whole ? this.#position : 0 };
  }

  async *steps(): AsyncGenerator<FeedStep, never, void> {
    const { store, request } = this.#options;
    let resume = request.logId !== "";
    for (let fresh = !resume; ; fresh = false) {
      while (store.state !== "live") yield "idle";
      try {
        if (resume && (await this.#canResume())) {
          this.#logId = request.logId;
          this.#position = Number(request.since);
          this.#whole = true;
          yield* this.#advance(store.tail.last, undefined);
        } else {
          this.#logId = store.tail.logId;
          this.#whole = false;
          // A watcher that has nothing has nothing to forget.
          if (!fresh) yield { events: [], trailer: { logId: this.#logId, revision: 0, reset: true } };
          yield* this.#snapshot();
        }
        for (;;) yield* this.#next(Infinity, undefined);
      } catch (error) {
        if (!(error instanceof Restart) && !isUnavailable(error)) throw error;
        // What has not begun can still be resumed.
        if (this.#logId !== "") resume = false;
        if (store.tail.logId === this.#logId || this.#logId === "") yield "retry";
      }
    }
  }

  /** Whether the log is the watcher's and goes back far enough. */
  async #canResume(): Promise<boolean> {
    const { store, request, trusted } = this.#options;
    const since = Number(request.since);
    const { logId, revision, first } = await store.position();
    if (logId !== store.tail.logId) throw new Restart();
    if (request.logId !== logId) return false;
    if (since <= revision) return since >= first - 1;
    if (trusted && store.reportSeen(since)) throw new Restart();
    return false;
  }

  /** Pages through the records, then the events since the first page. */
  async *#snapshot(): AsyncGenerator<FeedStep, void, void> {
    const { store, filter } = this.#options;
    const trailer: BatchTrailer = { logId: this.#logId, revision: 0 };
    const sent: SentVersions = new Map();
    const start = await store.position();
    if (start.logId !== this.#logId) throw new Restart();
    await using hold = await store.holdLog(start.revision);
    let last = start.revision;
    for (const kind of store.kinds.values()) {
      if (!filter.wantsKind(kind.name)) continue;
      for (let after = ""; ;) {
        const page = await store.readPage(kind.name, filter.prefix, after, PAGE_RECORDS);
        if (page.logId !== this.#logId) throw new Restart();
        last = page.revision;
        const buffer = new EventBuffer();
        for (const [index, stored] of page.records.entries()) {
          const { event, header } = snapshotEvent(store.origin, kind, page.names[index]!, stored, filter);
          if (!filter.selects(header)) continue;
          if (header.revision > start.revision) sent.set(keyOf(header), header.revision);
          buffer.add(event);
          if (buffer.full) yield { events: buffer.take(), trailer };
        }
        if (!buffer.empty) yield { events: buffer.take(), trailer };
        if (page.names.length < PAGE_RECORDS) break;
        after = page.names.at(-1)!;
        await hold.renew();
      }
    }
    this.#position = start.revision;
    yield* this.#advance(last, sent);
  }

  /** Sends the log up to `target`, then says `synced`. */
  async *#advance(target: number, sent: SentVersions | undefined): AsyncGenerator<FeedStep, void, void> {
    while (this.#position < target) yield* this.#next(target, sent);
    this.#whole = true;
    yield { events: [], trailer: { ...this.bookmark, synced: true } };
  }

  /** The next part of the log, not beyond `limit`; idle when there is none yet. */
  async *#next(limit: number, sent: SentVersions | undefined): AsyncGenerator<FeedStep, void, void> {
    if (this.#options.store.tail.logId !== this.#logId) throw new Restart();
    let parts: LogPart[];
    try {
      parts = await this.#read(limit);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      yield "retry";
      return;
    }
    if (parts.length === 0) yield "idle";
    else yield* this.#send(parts, sent);
  }

  async *#send(parts: LogPart[], sent: SentVersions | undefined): AsyncGenerator<FeedStep, void, void> {
    const { filter } = this.#options;
    const buffer = new EventBuffer();
    const accept = (view: EventView): boolean => (sent?.get(keyOf(view)) ?? 0) < view.revision;
    const unread = filter.everything && (sent === undefined || sent.size === 0);
    for (const part of parts) {
      if (unread) buffer.add(part.data, part.count);
      else for (const event of filter.apply(part.data, part.views, accept)) buffer.add(event);
      this.#position = part.last;
      if (buffer.full) yield { events: buffer.take(), trailer: this.bookmark };
    }
    if (!buffer.empty) yield { events: buffer.take(), trailer: this.bookmark };
  }

  /** What comes next, not beyond `limit`: from memory where it is there, from Redis otherwise. */
  async #read(limit: number): Promise<LogPart[]> {
    const { tail } = this.#options.store;
    const next = this.#position + 1;
    if (next > tail.last) return [];
    if (next < tail.first) return [await this.#readLog(limit)];
    const parts: LogPart[] = [];
    const end = Math.min(limit, tail.last, next + BATCH_EVENTS - 1);
    for (let revision = next; revision <= end; revision++) parts.push(tailPart(tail.at(revision)!));
    return parts;
  }

  /** From Redis; the chunks behind are asked for while this one is sent: revisions follow each other, so it is known where they begin. */
  async #readLog(limit: number): Promise<LogPart> {
    const { store } = this.#options;
    const after = this.#position;
    if (this.#ahead[0]?.after !== after) this.#ahead = [];
    for (let from = after; this.#ahead.length < CHUNKS_AHEAD;) {
      from = this.#ahead.at(-1)?.end ?? from;
      if (from >= Math.min(limit, store.tail.last)) break;
      const end = Math.min(limit, from + BATCH_EVENTS);
      const chunk = store.readLog(from, end - from, BATCH_BYTES);
      // A failure is met where the chunk is taken; it may never be.
      chunk.catch(() => undefined);
      this.#ahead.push({ after: from, end, chunk });
    }
    const { first, last, count, data } = await this.#ahead.shift()!.chunk;
    if (store.tail.logId !== this.#logId || first !== after + 1 || last - after !== count) throw new Restart();
    return logPart(last, count, data);
  }
}

/** Whole writes that follow each other. */
interface LogPart {
  last: number;
  /** Of events, or at least of writes. */
  count: number;
  data: Buffer;
  readonly views: EventView[];
}

function tailPart(entry: TailEntry): LogPart {
  return {
    last: entry.revision,
    count: 1,
    data: entry.data,
    get views() {
      return entry.views;
    },
  };
}

function logPart(last: number, count: number, data: Buffer): LogPart {
  return {
    last,
    count,
    data,
    get views() {
      return parseEvents(data);
    },
  };
}

function keyOf({ kind, name }: { kind: string; name: string }): string {
  return `${kind}\n${name}`;
}

function isUnavailable(error: unknown): boolean {
  return error instanceof GantryError && error.code === Code.UNAVAILABLE;
}
