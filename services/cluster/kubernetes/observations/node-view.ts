import { isDeepStrictEqual } from "node:util";
import { condition, text, time } from "./raw.ts";
import type { ObjectListener } from "./reflector.ts";

/** What status needs to know of a Kubernetes node. */
export interface NodeView {
  name: string;
  ready: boolean;
  /** The kubelet's own words when it is not ready. */
  message: string;
  /** When the kubelet last said so, by its clock, which is the host's; undefined: never. */
  heartbeat: Date | undefined;
  kubeletVersion: string;
}

export function nodeReady(raw: unknown): boolean {
  return text(condition(raw, "Ready"), "status") === "True";
}

export function nodeView(raw: unknown): NodeView {
  const ready = condition(raw, "Ready");
  return {
    name: text(raw, "metadata", "name"),
    ready: nodeReady(raw),
    message: nodeReady(raw) ? "" : text(ready, "message"),
    heartbeat: time(ready, "lastHeartbeatTime"),
    kubeletVersion: text(raw, "status", "nodeInfo", "kubeletVersion"),
  };
}

/** Times of the API are whole seconds: of two views of one second only the same is known to be no earlier. */
export function isSameOrLater(seen: NodeView | undefined, view: NodeView): boolean {
  if (!seen) return false;
  if (isDeepStrictEqual(seen, view)) return true;
  return (seen.heartbeat?.getTime() ?? 0) > (view.heartbeat?.getTime() ?? 0);
}

export interface NodeViewsOptions {
  changed(): void;
  /** All there are have been listed. */
  listed(): void;
}

/** The nodes of one cluster, by name. */
export class NodeViews implements ObjectListener {
  #views = new Map<string, NodeView>();
  #listing = new Map<string, NodeView>();
  readonly #options: NodeViewsOptions;

  constructor(options: NodeViewsOptions) {
    this.#options = options;
  }

  get(name: string): NodeView | undefined {
    return this.#views.get(name);
  }

  all(): NodeView[] {
    return [...this.#views.values()];
  }

  beginList(): void {
    this.#listing = new Map();
  }

  listed(raw: unknown): void {
    const view = nodeView(raw);
    this.#listing.set(view.name, view);
  }

  endList(): void {
    const before = this.#views;
    this.#views = this.#listing;
    if (!isDeepStrictEqual(before, this.#views)) this.#options.changed();
    this.#options.listed();
  }

  put(raw: unknown): void {
    const view = nodeView(raw);
    if (isDeepStrictEqual(this.#views.get(view.name), view)) return;
    this.#views.set(view.name, view);
    this.#options.changed();
  }

  deleted(raw: unknown): void {
    if (this.#views.delete(text(raw, "metadata", "name"))) this.#options.changed();
  }
}
