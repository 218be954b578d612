import assert from "node:assert/strict";
import { EventType, WatchRequest, WatchResponse } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import type { Event, OriginState } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import type { Sink } from "../../../../services/common/rpc/call.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { ObservationHub } from "../../../../services/common/watch/observations.ts";
import type { ObservationSource } from "../../../../services/common/watch/observations.ts";
import type { WatchContext, WatchServerOptions } from "../../../../services/common/watch/serve-watch.ts";
import { serveWatch } from "../../../../services/common/watch/serve-watch.ts";
import { eventually } from "../store/support.ts";

export interface WatchOptions {
  request?: Partial<WatchRequest>;
  observations?: ObservationSource;
  ctx?: Partial<WatchContext>;
  server?: Partial<WatchServerOptions>;
  /** Called before each batch is taken: what it waits for is backpressure. */
  onWrite?: () => Promise<void>;
}

/**
 * A watcher that checks what every stream promises, at each batch: revisions never fall, none comes twice, one write is one batch,
 * the revision of a bookmark is never behind an event that was sent.
 */
export class Watcher implements Sink<WatchResponse> {
  readonly batches: WatchResponse[] = [];
  /** What a client that follows the rules has now. */
  readonly records = new Map<string, Event>();
  readonly observed = new Map<string, Event>();
  readonly origins = new Map<string, OriginState>();
  synced = false;
  resets = 0;
  logId = "";
  revision = 0n;
  error: unknown;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  readonly #onWrite: (() => Promise<void>) | undefined;
  #lastRevision = 0n;

  constructor(store: StoreHandle, options: WatchOptions = {}) {
    this.#onWrite = options.onWrite;
    const serve = serveWatch({ store, observations: options.observations ?? new ObservationHub(), ...options.server });
    const request = WatchRequest.fromPartial(options.request ?? {});
    this.#done = serve(request, { ...options.ctx, signal: this.#abort.signal }, this).catch((error: unknown) => {
      this.error = error;
    });
  }

  get events(): Event[] {
    return this.batches.flatMap((batch) => batch.events);
  }

  async write(): Promise<void> {
    throw new Error("the Watch server sends encoded batches");
  }

  async writeRaw(bytes: Uint8Array): Promise<void> {
    await this.#onWrite?.();
    if (this.#abort.signal.aborted) throw this.#abort.signal.reason;
    const batch = WatchResponse.decode(Buffer.from(bytes));
    this.batches.push(batch);
    this.#check(batch);
    for (const event of batch.events) this.#apply(event);
    for (const origin of batch.origins) this.origins.set(origin.origin, origin);
    if (batch.synced) this.synced = true;
    if (batch.revision > 0n) this.revision = batch.revision;
    if (batch.logId !== "") this.logId = batch.logId;
  }

  #check(batch: WatchResponse): void {
    if (batch.reset) {
      this.resets++;
      this.synced = false;
      this.records.clear();
      this.#lastRevision = 0n;
    }
    if (!this.synced) return;
    let last = this.#lastRevision;
    for (const { revision } of batch.events) {
      if (revision === 0n) continue;
      assert.ok(revision >= last, `revision ${revision} came behind ${last}`);
      assert.ok(revision > this.#lastRevision, `write ${revision} is split over batches`);
      last = revision;
    }
    if (batch.revision > 0n) assert.ok(batch.revision >= last, "a bookmark is behind its events");
    this.#lastRevision = last;
  }

  #apply(event: Event): void {
    const into = event.revision > 0n ? this.records : this.observed;
    const key = `${event.kind}\n${event.name}`;
    if (event.type === EventType.EVENT_TYPE_PUT) into.set(key, event);
    else into.delete(key);
  }

  names(kind = "Instance"): string[] {
    const events = [...this.records.values()].filter((event) => event.kind === kind);
    return events.map((event) => event.name.split("/").at(-1)!).sort();
  }

  async whenSynced(): Promise<this> {
    await eventually(() => this.synced || this.error !== undefined);
    if (this.error !== undefined) throw this.error;
    return this;
  }

  async close(): Promise<void> {
    this.#abort.abort(new Error("closed by the test"));
    await this.#done;
  }
}
