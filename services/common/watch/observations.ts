import { randomUUID } from "node:crypto";
import { EventType, OriginStatus } from "../../../proto/gen/gantry/common/v1/watch.ts";
import type { OriginState } from "../../../proto/gen/gantry/common/v1/watch.ts";
import type { EventHeader } from "../store/log/event.ts";
import { encodeDeselected, encodeEvent } from "../store/log/event.ts";

/** Something that another system owns, as it was seen. */
export interface Observation {
  kind: string;
  /** Event.name, unique in its origin: `docker/rack1-07/Container/0f3a…`. See `observationName`. */
  name: string;
  /** Given by the origin: equal when nothing changed. */
  version: string;
  labels: Record<string, string>;
  /** Project id; empty for what belongs to the realm. */
  project: string;
  /** Full proto name of the message in `bytes`. */
  typeName: string;
  bytes: Uint8Array;
}

/** An observation with its event, encoded once for all watchers. */
export interface ObservedItem {
  readonly header: EventHeader;
  readonly put: Buffer;
}

export interface ObservationListener {
  /** `after` undefined: gone. `before` undefined: new. */
  onItem(before: ObservedItem | undefined, after: ObservedItem | undefined): void;
  onOrigin(state: OriginState): void;
}

/** Where the Watch server takes observations from. */
export interface ObservationSource {
  origins(): OriginState[];
  items(): Iterable<ObservedItem>;
  /** Calls back at each change from now on; returns the way to stop. */
  subscribe(listener: ObservationListener): () => void;
}

export type ObservationStatus = "live" | "resyncing" | "stale";

const STATUS: Record<ObservationStatus, OriginStatus> = {
  live: OriginStatus.ORIGIN_STATUS_LIVE,
  resyncing: OriginStatus.ORIGIN_STATUS_RESYNCING,
  stale: OriginStatus.ORIGIN_STATUS_STALE,
};

/** `docker/rack1-07`, `Container`, `web` → `docker/rack1-07/Container/web`. */
export function observationName(origin: string, kind: string, id: string): string {
  return `${origin}/${kind}/${id}`;
}

export interface ObservationSetOptions {
  /** As in Event.origin: `docker/rack1-07`. */
  origin: string;
  /** The realm's time; the host's clock if absent. */
  now?: () => Date;
}

/** What one origin has, held in memory. Begins as `resyncing` and empty. */
export class ObservationSet implements ObservationSource {
  readonly origin: string;
  /** New at each start of the observer: versions of different epochs do not compare. */
  readonly epoch = randomUUID();
  readonly #items = new Map<string, ObservedItem>();
  readonly #listeners = new Set<ObservationListener>();
  readonly #now: () => Date;
  #state: OriginState;

  constructor({ origin, now = () => new Date() }: ObservationSetOptions) {
    this.origin = origin;
    this.#now = now;
    this.#state = { origin, status: STATUS.resyncing, asOf: now(), message: "", originEpoch: this.epoch };
  }

  get size(): number {
    return this.#items.size;
  }

  /** Takes a whole listing of the origin: tells the differences only. With `kinds`, the listing is of those kinds alone. */
  replace(items: Iterable<Observation>, kinds?: readonly string[]): void {
    const named = new Map<string, Observation>();
    for (const item of items) named.set(item.name, item);
    for (const [name, { header }] of this.#items) {
      if (!named.has(name) && (kinds === undefined || kinds.includes(header.kind))) this.delete(name);
    }
    for (const item of named.values()) this.put(item);
  }

  /** Nothing happens when the item is there in the same version. */
  put(item: Observation): void {
    const before = this.#items.get(item.name);
    if (before !== undefined && before.header.version === item.version && before.header.kind === item.kind) return;
    const after = this.#observe(item);
    this.#items.set(item.name, after);
    for (const listener of this.#listeners) listener.onItem(before, after);
  }

  delete(name: string): void {
    const before = this.#items.get(name);
    if (before === undefined) return;
    this.#items.delete(name);
    for (const listener of this.#listeners) listener.onItem(before, undefined);
  }

  /** `message`: one line for people; empty when live. */
  setStatus(status: ObservationStatus, message = ""): void {
    const before = this.#state;
    if (before.status === STATUS[status] && before.message === message) return;
    // What is shown was true until it stopped being live.
    const wasLive = before.status === STATUS.live;
    const asOf = wasLive || status === "live" ? this.#now() : before.asOf;
    this.#state = { ...before, status: STATUS[status], message, asOf };
    for (const listener of this.#listeners) listener.onOrigin(this.#state);
  }

  origins(): OriginState[] {
    return [this.#state];
  }

  items(): Iterable<ObservedItem> {
    return this.#items.values();
  }

  subscribe(listener: ObservationListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #observe({ kind, name, version, labels, project, typeName, bytes }: Observation): ObservedItem {
    const header: EventHeader = {
      revision: 0,
      type: EventType.EVENT_TYPE_PUT,
      kind,
      name,
      origin: this.origin,
      originEpoch: this.epoch,
      version,
      labels,
      previousLabels: {},
      labelsChanged: false,
      project,
    };
    return { header, put: encodeEvent(header, typeName, bytes) };
  }
}

/** The event that says an observation is gone, or no longer selected. */
export function goneEvent({ header }: ObservedItem): Buffer {
  return encodeDeselected(header);
}

/** Several sources as one; they come and go while watchers listen. */
export class ObservationHub implements ObservationSource {
  readonly #sources = new Map<ObservationSource, () => void>();
  readonly #listeners = new Set<ObservationListener>();

  constructor(sources: Iterable<ObservationSource> = []) {
    for (const source of sources) this.add(source);
  }

  add(source: ObservationSource): void {
    if (this.#sources.has(source)) return;
    const stop = source.subscribe({
      onItem: (before, after) => this.#eachListener((listener) => listener.onItem(before, after)),
      onOrigin: (state) => this.#eachListener((listener) => listener.onOrigin(state)),
    });
    this.#sources.set(source, stop);
    for (const item of source.items()) this.#eachListener((listener) => listener.onItem(undefined, item));
    for (const state of source.origins()) this.#eachListener((listener) => listener.onOrigin(state));
  }

  /** Its items and its origins are gone for watchers. */
  remove(source: ObservationSource): void {
    this.#sources.get(source)?.();
    if (!this.#sources.delete(source)) return;
    for (const item of source.items()) this.#eachListener((listener) => listener.onItem(item, undefined));
    for (const state of source.origins()) {
      const ended = { ...state, status: OriginStatus.ORIGIN_STATUS_GONE, message: "" };
      this.#eachListener((listener) => listener.onOrigin(ended));
    }
  }

  origins(): OriginState[] {
    return [...this.#sources.keys()].flatMap((source) => source.origins());
  }

  *items(): Iterable<ObservedItem> {
    for (const source of this.#sources.keys()) yield* source.items();
  }

  subscribe(listener: ObservationListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #eachListener(tell: (listener: ObservationListener) => void): void {
    for (const listener of this.#listeners) tell(listener);
  }
}
