import { LABEL_UID } from "../engine/labels.ts";
import type { ContainerState } from "../engine/state.ts";

/** Containers of managed things, by the uid on their labels. After a crash one thing may have two for a moment. */
export class ContainersByUid {
  readonly #byUid = new Map<string, Map<string, ContainerState>>();

  put(container: ContainerState): void {
    const uid = container.labels[LABEL_UID];
    if (uid === undefined) return;
    const containers = this.#byUid.get(uid) ?? new Map<string, ContainerState>();
    containers.set(container.id, container);
    this.#byUid.set(uid, containers);
  }

  delete(container: ContainerState): void {
    const uid = container.labels[LABEL_UID];
    const containers = uid === undefined ? undefined : this.#byUid.get(uid);
    if (uid === undefined || !containers) return;
    containers.delete(container.id);
    if (containers.size === 0) this.#byUid.delete(uid);
  }

  /** The one with the id `preferred`, else the one made last. */
  find(uid: string, preferred: string): ContainerState | undefined {
    const containers = this.#byUid.get(uid);
    if (!containers) return undefined;
    const known = containers.get(preferred);
    if (known) return known;
    const time = (container: ContainerState): number => container.createTime?.getTime() ?? 0;
    return [...containers.values()].toSorted((a, b) => time(b) - time(a))[0];
  }
}
