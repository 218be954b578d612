import { Metadata } from "@grpc/grpc-js";
import { pino } from "pino";
import { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import { EventType, type WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";
import type { ComputeServiceClient } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { WatchClient } from "../../../services/common/watch/watch-client.ts";

export interface WatchedRecord {
  kind: string;
  name: string;
  revision: bigint;
  /** The whole record, encoded. */
  bytes: Uint8Array;
}

export interface WatcherOptions {
  /** Compute's, or that of any other service: they have the same Watch. */
  client: Pick<ComputeServiceClient, "watch">;
  /** Without one the process's certificate speaks. */
  token?: string;
  /** Called after each batch with the operations in it. */
  onOperation?: (operation: OperationRecord) => void;
  /** Called whenever the state is whole; says what must not be. */
  check?: (watcher: Watcher) => string | undefined;
}

/**
 * Watches every record of a service through as many streams as it takes, and holds the streams together to what Watch promises: ordered,
 * unique, without gap, whole writes, resumable.
 */
export class Watcher {
  /** By kind and name. */
  readonly records = new Map<string, WatchedRecord>();
  readonly violations: string[] = [];
  readonly counts = { streams: 0, resumed: 0, resets: 0, events: 0 };
  logId = "";
  revision = 0n;
  readonly #abort = new AbortController();
  readonly #client: WatchClient;
  readonly #onOperation: (operation: OperationRecord) => void;
  readonly #check: (watcher: Watcher) => string | undefined;
  #synced = false;
  #fresh = true;
  /** The state is whole up to `revision`, whether a stream runs or not. */
  #whole = false;

  constructor({ client, token, onOperation = () => undefined, check = () => undefined }: WatcherOptions) {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    this.#onOperation = onOperation;
    this.#check = check;
    this.#client = new WatchClient({
      open: (request) => client.watch(request, metadata),
      request: {},
      onBatch: (batch) => this.#take(batch),
      onState: (state) => this.#onState(state),
      log: pino({ level: "silent" }),
      signal: this.#abort.signal,
    });
    this.#client.done.catch((error: unknown) => this.violations.push(String(error)));
  }

  /** A stream runs and has told everything that was there when it began. */
  get synced(): boolean {
    return this.#synced;
  }

  get(kind: string, name: string): WatchedRecord | undefined {
    return this.records.get(`${kind}\n${name}`);
  }

  ofKind(kind: string): WatchedRecord[] {
    return [...this.records.values()].filter((record) => record.kind === kind);
  }

  operation(name: string): OperationRecord | undefined {
    const found = this.get("Operation", name);
    return found && OperationRecord.decode(found.bytes);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#client.done;
  }

  #onState(state: "connected" | "disconnected"): void {
    this.#synced = false;
    if (state === "disconnected") return;
    this.counts.streams++;
    this.#fresh = true;
  }

  #take(batch: WatchResponse): void {
    if (batch.logId === "") return;
    const begins = batch.reset || (this.#fresh && !this.#whole);
    if (batch.reset) this.counts.resets++;
    else if (this.#fresh && this.#whole) this.counts.resumed++;
    this.#fresh = false;
    if (begins) {
      this.records.clear();
      this.logId = "";
      this.revision = 0n;
      this.#whole = false;
      this.#synced = false;
    } else if (this.logId !== "" && batch.logId !== this.logId && batch.revision > 0n) {
      this.violations.push(`the log ${this.logId} became ${batch.logId} without a reset`);
    }
    this.#events(batch, this.#whole);
    if (batch.synced) {
      this.#synced = true;
      this.#whole = true;
    }
    if (batch.revision === 0n) return;
    this.logId = batch.logId;
    this.revision = batch.revision;
    const wrong = this.#check(this);
    if (wrong !== undefined) this.violations.push(`at ${this.revision}: ${wrong}`);
  }

  /** Behind a bookmark every revision comes, once, in order, and whole with its batch. */
  #events(batch: WatchResponse, ordered: boolean): void {
    let last = this.revision;
    for (const { revision, type, kind, name, object } of batch.events) {
      this.counts.events++;
      if (ordered && revision <= this.revision)
        this.violations.push(`${revision} came twice or was split (${this.revision} was told)`);
      else if (ordered && revision !== last && revision !== last + 1n)
        this.violations.push(`${revision} came behind ${last}`);
      last = revision;
      if (type === EventType.EVENT_TYPE_DELETED) this.records.delete(`${kind}\n${name}`);
      else this.records.set(`${kind}\n${name}`, { kind, name, revision, bytes: object!.value });
      if (kind === "Operation" && object) this.#onOperation(OperationRecord.decode(object.value));
    }
    // Every write has an event, and this watcher is shown them all.
    if (ordered && batch.revision !== last)
      this.violations.push(`the bookmark is ${batch.revision}, the last event ${last}`);
  }
}
