import assert from "node:assert/strict";
import { EventType, WatchRequest, WatchResponse } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import type { Instance } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Sink } from "../../../../services/common/rpc/call.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { ObservationHub } from "../../../../services/common/watch/observations.ts";
import { serveWatch } from "../../../../services/common/watch/serve-watch.ts";
import { instances } from "./support.ts";

/** An unfiltered watcher that lives through many streams, as a gateway does, and holds each of them to what Watch promises. */
export class Follower implements Sink<WatchResponse> {
  readonly records = new Map<string, Instance>();
  readonly violations: string[] = [];
  /** Streams that went on where the one before had ended. */
  resumed = 0;
  resets = 0;
  logId = "";
  revision = 0n;
  #synced = false;
  #resume = false;
  #fresh = true;
  #stream: { abort: AbortController; done: Promise<void> } | undefined;

  connect(store: StoreHandle): void {
    const abort = new AbortController();
    this.#resume = this.logId !== "";
    this.#fresh = true;
    this.#synced = false;
    const request = WatchRequest.fromPartial({ kinds: ["Instance"], logId: this.logId, since: this.revision });
    // The kinds filter makes the server read the entries; every other follower takes them unread.
    if (this.resets % 2 === 1) request.kinds = [];
    const serve = serveWatch({ store, observations: new ObservationHub() });
    const done = serve(request, { signal: abort.signal }, this).catch((error: unknown) => {
      if (!abort.signal.aborted) this.violations.push(`the stream failed: ${String(error)}`);
    });
    this.#stream = { abort, done };
  }

  async disconnect(): Promise<void> {
    this.#stream?.abort.abort(new Error("cut off"));
    await this.#stream?.done;
    this.#stream = undefined;
  }

  get connected(): boolean {
    return this.#stream !== undefined;
  }

  get synced(): boolean {
    return this.#synced;
  }

  write(): Promise<void> {
    return Promise.reject(new Error("the Watch server sends encoded batches"));
  }

  async writeRaw(bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    if (this.#stream?.abort.signal.aborted) throw this.#stream.abort.signal.reason;
    try {
      this.#take(WatchResponse.decode(bytes));
    } catch (error) {
      this.violations.push(String(error));
    }
  }

  #take(batch: WatchResponse): void {
    if (batch.logId === "") return;
    if (batch.reset || (this.#fresh && !this.#resume)) {
      if (batch.reset) this.resets++;
      this.records.clear();
      this.logId = "";
      this.revision = 0n;
      this.#resume = false;
      this.#synced = false;
    }
    this.#fresh = false;
    // Behind a bookmark every revision comes, once, in order.
    const ordered = this.#resume || this.#synced;
    let last = this.revision;
    for (const { revision, type, name, object } of batch.events) {
      if (ordered)
        assert.ok(revision === last || (revision === last + 1n && last > 0n), `${revision} came behind ${last}`);
      if (ordered) assert.ok(revision > this.revision, `${revision} came twice or was split over batches`);
      last = revision;
      if (type === EventType.EVENT_TYPE_DELETED) this.records.delete(name);
      else this.records.set(name, instances.message.decode(object!.value));
    }
    if (batch.synced) {
      if (this.#resume) this.resumed++;
      this.#synced = true;
      this.#resume = true;
    }
    if (batch.revision === 0n) return;
    assert.ok(batch.revision >= last || !ordered, "a bookmark is behind its events");
    this.logId = batch.logId;
    this.revision = batch.revision;
    // Twins are written together: whoever sees one new and the other old has seen half a write.
    for (const [name, record] of this.records) {
      if (!name.endsWith("-a")) continue;
      const twin = this.records.get(name.replace(/-a$/, "-b"));
      assert.equal(twin?.spec?.image, record.spec?.image, `half of a write is seen of ${name}`);
    }
  }
}
