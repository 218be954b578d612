import type { OriginState } from "../../../proto/gen/gantry/common/v1/watch.ts";
import type { ObservationListener, ObservationSet, ObservationSource, ObservedItem } from "./observations.ts";

/** Several origins as one source: they come and go while watchers are there. */
export class ObservationSets implements ObservationSource {
  /** The way to stop listening, by set. */
  readonly #sets = new Map<ObservationSet, () => void>();
  readonly #listeners = new Set<ObservationListener>();

  /** What the set has already is told too. */
  add(set: ObservationSet): void {
    if (this.#sets.has(set)) return;
    const stop = set.subscribe({
      onItem: (before, after) => this.#tell(before, after),
      onOrigin: (state) => this.#tellOrigin(state),
    });
    this.#sets.set(set, stop);
    for (const item of set.items()) this.#tell(undefined, item);
    for (const state of set.origins()) this.#tellOrigin(state);
  }

  /** Its items are told as gone. */
  remove(set: ObservationSet): void {
    const stop = this.#sets.get(set);
    if (!stop) return;
    stop();
    this.#sets.delete(set);
    for (const item of set.items()) this.#tell(item, undefined);
  }

  origins(): OriginState[] {
    return [...this.#sets.keys()].flatMap((set) => set.origins());
  }

  *items(): Iterable<ObservedItem> {
    for (const set of this.#sets.keys()) yield* set.items();
  }

  subscribe(listener: ObservationListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(before: ObservedItem | undefined, after: ObservedItem | undefined): void {
    for (const listener of this.#listeners) listener.onItem(before, after);
  }

  #tellOrigin(state: OriginState): void {
    for (const listener of this.#listeners) listener.onOrigin(state);
  }
}
