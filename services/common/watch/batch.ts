import { OriginState } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { WireWriter } from "../store/log/wire.ts";

/** A batch is closed when it has reached one of these. One write is never split: it may go beyond. */
export const BATCH_EVENTS = 200;
export const BATCH_BYTES = 512 * 1024;

/** Everything of a WatchResponse besides the events. */
export interface BatchTrailer {
  logId: string;
  /** 0 while a snapshot is under way. */
  revision: number;
  synced?: boolean;
  reset?: boolean;
  origins?: OriginState[];
}

const writer = new WireWriter();

/** Encodes a WatchResponse around events that are encoded already. */
export function encodeBatch(events: readonly Buffer[], trailer: BatchTrailer): Buffer {
  writer.string(2, trailer.logId);
  if (trailer.revision > 0) writer.tag(3, 0).varint(trailer.revision);
  writer.bool(4, trailer.synced ?? false).bool(5, trailer.reset ?? false);
  for (const origin of trailer.origins ?? []) writer.bytes(6, OriginState.encode(origin).finish());
  return Buffer.concat([...events, writer.take()]);
}

/** Collects encoded events until a batch is full. */
export class EventBuffer {
  #events: Buffer[] = [];
  #count = 0;
  #bytes = 0;

  get empty(): boolean {
    return this.#events.length === 0;
  }

  get full(): boolean {
    return this.#count >= BATCH_EVENTS || this.#bytes >= BATCH_BYTES;
  }

  /** `count` is how many events `bytes` holds. */
  add(bytes: Buffer, count = 1): void {
    this.#events.push(bytes);
    this.#count += count;
    this.#bytes += bytes.length;
  }

  take(): Buffer[] {
    const events = this.#events;
    this.#events = [];
    this.#count = 0;
    this.#bytes = 0;
    return events;
  }
}
