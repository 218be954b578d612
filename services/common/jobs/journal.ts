import type { OperationMetadata, OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { Fence, KnownRecord, Store, Transaction } from "../store/api.ts";
import { operationKind } from "./kind.ts";
import { operationName, progressLine, readMetadata, writeMetadata } from "./metadata.ts";
import { persistently } from "./persistently.ts";

export interface JournalOptions {
  store: Store;
  record: OperationRecord;
  fence: Fence;
  /** Writes are tried again while Redis is away, until this aborts. */
  interrupt: AbortSignal;
  progressIntervalMs: number;
}

/**
 * Writes what becomes of one operation: fenced, one write after the other. Progress is held back to one write per interval; every
 * other write takes the latest progress along.
 */
export class Journal {
  #record: OperationRecord;
  readonly #options: JournalOptions;
  readonly #name: string;
  #queue: Promise<unknown> = Promise.resolve();
  #pending: { percent: number; message: string } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastProgressMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#record = options.record;
    this.#name = operationName(options.record);
  }

  /** As last written or read. */
  get record(): OperationRecord {
    return this.#record;
  }

  get name(): string {
    return this.#name;
  }

  /** Changes the operation in one write. `change` may run more than once. */
  write(change: (record: OperationRecord, metadata: OperationMetadata) => void): Promise<void> {
    return this.commit(async (record, metadata) => change(record, metadata));
  }

  /**
   * As `write`, with other records changed in the same transaction, `known` of them as this process knows them. Nothing is written once the
   * operation is done.
   */
  commit(
    change: (record: OperationRecord, metadata: OperationMetadata, tx: Transaction) => Promise<void>,
    known: readonly KnownRecord[] = [],
  ): Promise<void> {
    return this.#enqueue(async () => {
      const own = { kind: operationKind, name: this.#name, record: this.#record };
      const options = { fence: this.#options.fence, known: [own, ...known] };
      const pending = this.#takePending();
      this.#record = await this.#options.store.transact(async (tx) => {
        const record = await tx.need(operationKind, this.#name);
        if (record.operation?.done) return record;
        const metadata = readMetadata(record);
        if (pending) Object.assign(metadata, pending);
        await change(record, metadata, tx);
        writeMetadata(record, metadata);
        tx.put(operationKind, record);
        return record;
      }, options);
    });
  }

  /** Cheap to call often. */
  progress(percent: number, message: string): void {
    if (this.#closed) return;
    const known = Number.isFinite(percent) && percent >= 0;
    this.#pending = { percent: known ? Math.min(100, Math.round(percent)) : -1, message: progressLine(message) };
    if (this.#timer) return;
    const waitMs = Math.max(0, this.#lastProgressMs + this.#options.progressIntervalMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#lastProgressMs = performance.now();
      // Progress that can't be written is told by the next write of the run, which fails for the same reason and is waited for.
      if (this.#pending) this.write(() => {}).catch(() => {});
    }, waitMs);
  }

  /** No progress is written from now on; waits for what is on its way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#takePending();
    await this.#queue;
  }

  #takePending(): { percent: number; message: string } | undefined {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }

  #enqueue(write: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(() => persistently(write, this.#options.interrupt));
    this.#queue = result.catch(() => {});
    return result;
  }
}
