import type { Logger } from "pino";
import { EventType } from "../../../proto/gen/gantry/common/v1/watch.ts";
import type { RecordChange } from "./api.ts";
import type { TailEntry } from "./log/tail.ts";

/** Tells listeners in this process of each committed change. */
export class ChangeListeners {
  readonly #listeners = new Set<(change: RecordChange) => void>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  get size(): number {
    return this.#listeners.size;
  }

  add(listener: (change: RecordChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  entry(entry: TailEntry): void {
    if (this.#listeners.size === 0) return;
    for (const view of entry.views) {
      this.change({
        kind: view.kind,
        name: view.name,
        revision: BigInt(entry.revision),
        deleted: view.type === EventType.EVENT_TYPE_DELETED,
        bytes: entry.data.subarray(view.valueStart, view.valueEnd),
      });
    }
  }

  change(change: RecordChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        // One listener's fault must not keep the others from the change.
        this.#log.error({ err: error, kind: change.kind, name: change.name }, "a listener failed on a change");
      }
    }
  }
}
