import type { OriginState } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { EventBuffer } from "./batch.ts";
import type { WatchFilter } from "./filter.ts";
import type { ObservationSource, ObservedItem } from "./observations.ts";
import { goneEvent } from "./observations.ts";

/**
 * Observations for one watcher. What it has not taken yet is kept once per item, the newest state only: a slow watcher costs at most
 * one event per item.
 */
export class ObservationFeed {
  readonly #filter: WatchFilter;
  readonly #source: ObservationSource;
  readonly #wake: () => void;
  readonly #stop: () => void;
  readonly #pending = new Map<string, Buffer>();
  readonly #origins = new Map<string, OriginState>();

  /** Begins with everything there is. */
  constructor(source: ObservationSource, filter: WatchFilter, wake: () => void) {
    this.#source = source;
    this.#filter = filter;
    this.#wake = wake;
    this.#stop = source.subscribe({
      onItem: (before, after) => this.#onItem(before, after),
      onOrigin: (state) => {
        this.#origins.set(state.origin, state);
        wake();
      },
    });
    for (const item of source.items()) this.#onItem(undefined, item);
  }

  close(): void {
    this.#stop();
  }

  /** Of the first batch: all origins. */
  allOrigins(): OriginState[] {
    return this.#source.origins();
  }

  /** Changed states, once the items they speak of are out: live means that everything is there. */
  takeOrigins(): OriginState[] {
    if (!this.drained) return [];
    const origins = [...this.#origins.values()];
    this.#origins.clear();
    return origins;
  }

  get drained(): boolean {
    return this.#pending.size === 0;
  }

  /** Events for one batch, in the order of their last change. */
  take(): Buffer[] {
    const buffer = new EventBuffer();
    for (const [key, event] of this.#pending) {
      if (buffer.full) break;
      buffer.add(event);
      this.#pending.delete(key);
    }
    return buffer.take();
  }

  #onItem(before: ObservedItem | undefined, after: ObservedItem | undefined): void {
    const item = after ?? before;
    if (item === undefined) return;
    if (after !== undefined && this.#filter.selects(after.header)) this.#queue(item, after.put);
    else if (before !== undefined && this.#filter.selects(before.header)) this.#queue(item, goneEvent(item));
  }

  #queue({ header }: ObservedItem, event: Buffer): void {
    const key = `${header.origin}\n${header.name}`;
    this.#pending.delete(key);
    this.#pending.set(key, event);
    this.#wake();
  }
}
