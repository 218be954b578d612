import { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import type { Store } from "../../common/store/api.ts";
import { instanceKind } from "../kinds.ts";

/**
 * Every instance of the realm, in memory and a moment behind the store: for placement, addresses and the reconciler. What must be exact is
 * read in a transaction instead.
 */
export class InstanceCatalog {
  readonly #byName = new Map<string, Instance>();
  readonly #byUid = new Map<string, Instance>();
  readonly #listeners = new Set<(instance: Instance, deleted: boolean) => void>();
  #stop: (() => void) | undefined;

  /** Reads all and follows. `onChange` begins first, so that nothing falls between. */
  async start(store: Store): Promise<void> {
    this.#stop = store.onChange((change) => {
      if (change.kind !== instanceKind.name) return;
      const known = this.#byName.get(change.name);
      if (!change.deleted) this.#set(Instance.decode(change.bytes));
      else if (known) this.#remove(known);
    });
    for await (const instance of store.all(instanceKind)) this.note(instance);
  }

  close(): void {
    this.#stop?.();
  }

  /** What this process has written or read itself: the store's own word comes a moment later. */
  note(instance: Instance): void {
    const known = this.#byName.get(instance.meta?.name ?? "");
    if (!known || (known.meta?.version ?? 0n) < (instance.meta?.version ?? 0n)) this.#set(instance);
  }

  get(name: string): Instance | undefined {
    return this.#byName.get(name);
  }

  byUid(uid: string): Instance | undefined {
    return this.#byUid.get(uid);
  }

  all(): IterableIterator<Instance> {
    return this.#byName.values();
  }

  onHost(host: string): Instance[] {
    return [...this.#byName.values()].filter((instance) => instance.meta?.host === host);
  }

  countInProject(project: string): number {
    let count = 0;
    for (const name of this.#byName.keys()) if (projectOf(name) === project) count += 1;
    return count;
  }

  onChange(listener: (instance: Instance, deleted: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(instance: Instance): void {
    const { name = "", uid = "" } = instance.meta ?? {};
    const known = this.#byName.get(name);
    if (known?.meta && known.meta.uid !== uid) this.#byUid.delete(known.meta.uid);
    this.#byName.set(name, instance);
    this.#byUid.set(uid, instance);
    for (const listener of this.#listeners) listener(instance, false);
  }

  #remove(instance: Instance): void {
    this.#byName.delete(instance.meta?.name ?? "");
    this.#byUid.delete(instance.meta?.uid ?? "");
    for (const listener of this.#listeners) listener(instance, true);
  }
}
