import { hash } from "node:crypto";
import { type Observation, observationName, type ObservationSet } from "../../../common/watch/observations.ts";
import { KIND_KUBERNETES_EVENT, type ObservedKind } from "./kinds.ts";
import { eventTime, objectOf } from "./projections.ts";
import { text } from "./raw.ts";

/** Objects of one kind that are shown of one cluster. */
export const OBJECTS_PER_KIND_MAX = 20_000;
/** Events that are shown of one cluster: the newest. */
export const EVENTS_MAX = 1_000;

export interface KindTableOptions {
  kind: ObservedKind;
  set: ObservationSet;
  /** Resource name of the cluster. */
  cluster: string;
  project: string;
  objectsMax?: number;
  eventsMax?: number;
}

/** What is shown of one kind of a cluster's objects: the projection alone, never the object as it came. */
export class KindTable {
  readonly #options: KindTableOptions;
  readonly #max: number;
  /** Of events the newest stay, of all others the first that came. */
  readonly #newest: boolean;
  /** Names of what is shown, the longest unchanged first. */
  readonly #shown = new Set<string>();
  #overflows = false;

  constructor(options: KindTableOptions) {
    const { kind, objectsMax = OBJECTS_PER_KIND_MAX, eventsMax = EVENTS_MAX } = options;
    this.#options = options;
    this.#newest = kind.kind === KIND_KUBERNETES_EVENT;
    this.#max = this.#newest ? eventsMax : objectsMax;
  }

  /** Whether there are objects that are not shown. Older events do not count. */
  get full(): boolean {
    return this.#overflows && !this.#newest;
  }

  /** What is not shown, for people; empty: everything is. */
  get missing(): string {
    return this.full ? `more than ${this.#max} objects of kind ${this.#options.kind.kind}` : "";
  }

  /** Takes what a whole list had. */
  async replace(objects: AsyncIterable<unknown>): Promise<void> {
    const listed = new Map<string, Listed>();
    let overflows = false;
    for await (const raw of objects) {
      if (listed.size < this.#max || this.#newest) listed.set(this.#nameOf(raw), this.#listed(raw));
      else overflows = true;
      if (this.#newest && listed.size >= 2 * this.#max) keepNewest(listed, this.#max);
    }
    if (this.#newest) keepNewest(listed, this.#max);
    this.#overflows = overflows;
    this.#shown.clear();
    for (const name of listed.keys()) this.#shown.add(name);
    this.#options.set.replace(
      [...listed.values()].map(({ observation }) => observation),
      [this.#options.kind.kind],
    );
  }

  put(raw: unknown): void {
    const name = this.#nameOf(raw);
    if (this.#newest) this.#shown.delete(name);
    if (!this.#shown.has(name) && this.#shown.size >= this.#max) {
      this.#overflows = true;
      if (!this.#newest) return;
      this.#hide(this.#shown.values().next().value!);
    }
    this.#shown.add(name);
    this.#options.set.put(this.#observation(name, raw));
  }

  /** True when there is room now for something that is not shown: what that is only a list tells. */
  delete(raw: unknown): boolean {
    const name = this.#nameOf(raw);
    if (!this.#shown.has(name)) return false;
    this.#hide(name);
    return this.full;
  }

  #hide(name: string): void {
    this.#shown.delete(name);
    this.#options.set.delete(name);
  }

  #listed(raw: unknown): Listed {
    const timeMs = this.#newest ? (eventTime(raw)?.getTime() ?? 0) : 0;
    return { timeMs, observation: this.#observation(this.#nameOf(raw), raw) };
  }

  #nameOf(raw: unknown): string {
    const { set, kind } = this.#options;
    const namespace = text(raw, "metadata", "namespace");
    const name = text(raw, "metadata", "name");
    return observationName(set.origin, kind.kind, namespace === "" ? name : `${namespace}/${name}`);
  }

  #observation(name: string, raw: unknown): Observation {
    const { kind, cluster, project } = this.#options;
    const object = objectOf(raw, cluster);
    const bytes = kind.project(raw, object);
    // Not the API's version: most of what changes there (heartbeats, managed fields) is not shown.
    const version = hash("sha1", bytes, "base64url");
    return { kind: kind.kind, name, version, labels: object.labels, project, typeName: kind.typeName, bytes };
  }
}

interface Listed {
  timeMs: number;
  observation: Observation;
}

/** Afterwards in order of time. */
function keepNewest(listed: Map<string, Listed>, max: number): void {
  const newest = [...listed].toSorted(([, a], [, b]) => a.timeMs - b.timeMs).slice(-max);
  listed.clear();
  for (const [name, entry] of newest) listed.set(name, entry);
}
