import type { MirrorDefinition, Scope } from "./definition.ts";
import type { Change, Item } from "./item.ts";

/** Finds who is concerned by a change without asking everyone: there may be thousands of mirrors, and few show a given project or host. */
export class Routes<E extends { readonly definition: MirrorDefinition }> {
  readonly #everywhere = new Set<E>();
  readonly #projects = new Map<string, Set<E>>();
  readonly #hosts = new Map<string, Set<E>>();

  add(entry: E): void {
    const { scope } = entry.definition;
    if (!scope) return void this.#everywhere.add(entry);
    const index = this.#index(scope);
    index.set(scope.id, (index.get(scope.id) ?? new Set()).add(entry));
  }

  delete(entry: E): void {
    const { scope } = entry.definition;
    if (!scope) return void this.#everywhere.delete(entry);
    const index = this.#index(scope);
    const entries = index.get(scope.id);
    entries?.delete(entry);
    if (entries?.size === 0) index.delete(scope.id);
  }

  /** All that may show something of the changes, or showed it. */
  concerned(changes: readonly Change[]): ReadonlySet<E> {
    if (this.#projects.size === 0 && this.#hosts.size === 0) return this.#everywhere;
    const found = new Set(this.#everywhere);
    for (const { before, after } of changes) {
      if (before) this.#gather(before, found);
      if (after && (after.project !== before?.project || after.host !== before.host)) this.#gather(after, found);
    }
    return found;
  }

  #gather({ project, host }: Item, found: Set<E>): void {
    if (project !== "") for (const entry of this.#projects.get(project) ?? []) found.add(entry);
    if (host !== "") for (const entry of this.#hosts.get(host) ?? []) found.add(entry);
  }

  #index(scope: Scope): Map<string, Set<E>> {
    return scope.of === "project" ? this.#projects : this.#hosts;
  }
}
