import { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import type { RecordChange, Store } from "../store/api.ts";
import { operationKind } from "./kind.ts";
import { operationOf, readMetadata } from "./metadata.ts";

/**
 * Names of one queue's operations, kept up to date from the store's changes: those that have not ended, and those that have with the time
 * they did. Bounded by the limits of queue and retention.
 */
export class OperationIndex {
  readonly unfinished = new Set<string>();
  /** End time in ms by name, the oldest first: operations are noted as they end. */
  readonly finished = new Map<string, number>();
  readonly #store: Store;
  readonly #queue: string;

  constructor(store: Store, queue: string) {
    this.#store = store;
    this.#queue = queue;
  }

  /** Reads every operation: at the start and after the records were rebuilt. */
  async scan(): Promise<void> {
    for await (const record of this.#store.all(operationKind)) this.note(record);
    const oldestFirst = [...this.finished].sort(([, a], [, b]) => a - b);
    this.finished.clear();
    for (const [name, endMs] of oldestFirst) this.finished.set(name, endMs);
  }

  change(change: RecordChange): void {
    if (change.kind !== operationKind.name) return;
    if (change.deleted) this.forget(change.name);
    else this.note(OperationRecord.decode(change.bytes));
  }

  note(record: OperationRecord): void {
    if (record.queue !== this.#queue) return;
    const { name, done } = operationOf(record);
    if (!done) this.unfinished.add(name);
    else {
      this.unfinished.delete(name);
      if (!this.finished.has(name)) this.finished.set(name, readMetadata(record).endTime?.getTime() ?? 0);
    }
  }

  forget(name: string): void {
    this.unfinished.delete(name);
    this.finished.delete(name);
  }
}
