import type { EventView } from "./event.ts";
import { parseEvents } from "./event.ts";

/** Of the recent log kept in memory; whichever is reached first. */
export const TAIL_BYTES_MAX = 64 * 1024 * 1024;
export const TAIL_ENTRIES_MAX = 200_000;
/** Objects and small fields that come with each entry, about. */
const ENTRY_OVERHEAD_BYTES = 160;
/** Headers, once read, are kept for this many of the newest entries: larger than their events, they would fill the memory. */
const VIEWS_KEPT_ENTRIES = 2_000;

/** One write of the log. */
export class TailEntry {
  readonly revision: number;
  /** Encoded events, as they stand in a WatchResponse. */
  readonly data: Buffer;
  /** Schema of each event's record; undefined: all have schema 1. */
  readonly schemas: readonly number[] | undefined;
  #views: EventView[] | undefined;
  #keep = true;

  constructor(revision: number, data: Buffer, schemas?: readonly number[]) {
    this.revision = revision;
    this.data = data;
    this.schemas = schemas;
  }

  /** Headers of the events; those of recent entries are read once for all watchers. */
  get views(): EventView[] {
    const views = this.#views ?? parseEvents(this.data);
    if (this.#keep) this.#views = views;
    return views;
  }

  dropViews(): void {
    this.#keep = false;
    this.#views = undefined;
  }
}

/** The recent part of the log in memory, without gaps, shared by everything in this process that follows it. */
export class LogTail {
  #entries: TailEntry[] = [];
  #head = 0;
  #bytes = 0;
  #logId = "";
  #last = 0;
  #lastWriteId = "";
  readonly #wakers = new Set<() => void>();
  readonly #bytesMax: number;
  readonly #entriesMax: number;

  constructor(bytesMax = TAIL_BYTES_MAX, entriesMax = TAIL_ENTRIES_MAX) {
    this.#bytesMax = bytesMax;
    this.#entriesMax = entriesMax;
  }

  get logId(): string {
    return this.#logId;
  }

  /** Revision up to which this process has the log. */
  get last(): number {
    return this.#last;
  }

  /** Id of the write that made `last`; empty when it is not known. */
  get lastWriteId(): string {
    return this.#lastWriteId;
  }

  /** First revision kept in memory; `last + 1` when there is none. */
  get first(): number {
    return this.#last - (this.#entries.length - this.#head) + 1;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Begins anew behind a revision of a log. */
  restart(logId: string, revision: number): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#logId = logId;
    this.#last = revision;
    this.#lastWriteId = "";
    this.wake();
  }

  /** Takes the next revision. Wake the followers after a batch. */
  append(entry: TailEntry, writeId: string): void {
    if (entry.revision !== this.#last + 1) throw new RangeError("the tail takes one revision after the other");
    this.#entries.push(entry);
    this.#last = entry.revision;
    this.#lastWriteId = writeId;
    this.at(entry.revision - VIEWS_KEPT_ENTRIES)?.dropViews();
    this.#bytes += entry.data.length + ENTRY_OVERHEAD_BYTES;
    while (this.#bytes > this.#bytesMax || this.#entries.length - this.#head > this.#entriesMax) this.#dropFirst();
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Undefined when it is not in memory. */
  at(revision: number): TailEntry | undefined {
    const index = revision - this.first;
    return index < 0 ? undefined : this.#entries[this.#head + index];
  }

  wake(): void {
    for (const waker of this.#wakers) waker();
  }

  /** Calls back after each change of the tail; returns the way to stop. */
  onWake(waker: () => void): () => void {
    this.#wakers.add(waker);
    return () => this.#wakers.delete(waker);
  }

  #dropFirst(): void {
    const entry = this.#entries[this.#head]!;
    this.#bytes -= entry.data.length + ENTRY_OVERHEAD_BYTES;
    // Frees the entry now; the place in the array goes with the next compaction.
    (this.#entries as (TailEntry | undefined)[])[this.#head] = undefined;
    this.#head++;
  }
}
