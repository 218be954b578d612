import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { ObservationSet, type ObservationStatus } from "../../../common/watch/observations.ts";
import { Waker } from "../../../common/watch/waker.ts";
import type { KubernetesClient } from "../client.ts";
import { KIND_KUBERNETES_NODE, OBSERVED_KINDS } from "./kinds.ts";
import { KindTable, type KindTableOptions } from "./kind-table.ts";
import { isSameOrLater, type NodeView, NodeViews } from "./node-view.ts";
import { text } from "./raw.ts";
import { Reflector } from "./reflector.ts";

/** A paused API server takes connections and keeps its streams: only a question that it does not answer tells. */
export const PROBE_INTERVAL_MS = 2_000;
/** Between two attempts to reach an API that does not answer; doubles up to the greatest. */
export const CONNECT_DELAY_MIN_MS = 100;
export const CONNECT_DELAY_MAX_MS = 1_000;

export interface ApiState {
  /** `unknown`: not asked yet. Reachable once its nodes are known too. */
  state: "unknown" | "reachable" | "unreachable";
  /** Why it is unreachable. */
  message: string;
  /** `v1.31.0`; of the last time that it was reachable. */
  version: string;
}

export interface ClusterObservationsOptions extends Pick<KindTableOptions, "objectsMax" | "eventsMax"> {
  /** Resource name of the cluster. */
  cluster: string;
  project: string;
  /** `kubernetes/<engine name>`. */
  origin: string;
  client: KubernetesClient;
  log: Logger;
  now: () => Date;
  refillIntervalMs?: number;
}

/**
 * What one cluster's API shows, held in memory and kept true: while the API answers, every kind is listed and followed; when it does not, what
 * was seen stays and is said to be stale; when it answers again everything is listed and compared anew.
 */
export class ClusterObservations {
  readonly set: ObservationSet;
  readonly nodes: NodeViews;
  readonly #options: ClusterObservationsOptions;
  readonly #tables: readonly KindTable[];
  readonly #waker = new Waker();
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  #api: ApiState = { state: "unknown", message: "not connected yet", version: "" };
  /** Why it is not to be asked; empty: it is. */
  #rest = "";
  #restKnown = true;
  #live = false;
  #everLive = false;
  /** Version that the API of this session has. */
  #version: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ClusterObservationsOptions) {
    const { origin, now, cluster, project, objectsMax, eventsMax } = options;
    this.#options = options;
    this.set = new ObservationSet({ origin, now });
    this.nodes = new NodeViews({ changed: () => this.#changed(), listed: () => this.#nodesListed() });
    const limits = { ...(objectsMax && { objectsMax }), ...(eventsMax && { eventsMax }) };
    this.#tables = OBSERVED_KINDS.map((kind) => new KindTable({ kind, set: this.set, cluster, project, ...limits }));
  }

  get api(): ApiState {
    return this.#api;
  }

  /** Called when the API's state or a node is another. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `why` it is not to be asked for now (it is stopped, for example); empty: it is. `known`: then it does not answer either. */
  rest(why: string, known = true): void {
    if (this.#rest === why) return;
    this.#rest = why;
    this.#restKnown = known;
    this.#waker.wake();
  }

  /** Looks now whether the API answers. */
  suspect(): void {
    this.#waker.wake();
  }

  /** Whether all that it has was read from the API that answers now, and of nodes at least what somebody else has seen of them. */
  hasSeen(nodes: ReadonlyMap<string, NodeView>): boolean {
    if (!this.#live || this.#api.state !== "reachable") return false;
    return [...nodes].every(([name, view]) => isSameOrLater(this.nodes.get(name), view));
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#waker.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    let delayMs = CONNECT_DELAY_MIN_MS;
    while (!this.#stop.signal.aborted) {
      if (this.#rest !== "") {
        this.#unreachable(this.#rest, this.#restKnown ? "unreachable" : "unknown");
        await this.#waker.wait(PROBE_INTERVAL_MS);
        continue;
      }
      const problem = await this.#probe();
      if (problem === undefined) {
        await this.#session();
        delayMs = CONNECT_DELAY_MIN_MS;
      } else this.#unreachable(problem);
      await this.#waker.wait(delayMs);
      delayMs = Math.min(delayMs * 2, CONNECT_DELAY_MAX_MS);
    }
  }

  /** Why the API is not ready; undefined when it is. */
  async #probe(): Promise<string | undefined> {
    try {
      await this.#options.client.ready({ signal: this.#stop.signal });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** As long as the API answers. */
  async #session(): Promise<void> {
    const { client, log, refillIntervalMs } = this.#options;
    const end = new AbortController();
    if (!(await this.#readVersion())) return;
    const onState = (): void => this.#show(reflectors);
    const reflectors = OBSERVED_KINDS.map((kind, i) => {
      const listener = kind.kind === KIND_KUBERNETES_NODE ? this.nodes : undefined;
      const table = this.#tables[i]!;
      return new Reflector({ kind, client, table, listener, onState, log, signal: end.signal, refillIntervalMs });
    });
    const running = reflectors.map((reflector) => reflector.run());
    try {
      this.#show(reflectors);
      while (!this.#stop.signal.aborted && this.#rest === "") {
        await this.#waker.wait(PROBE_INTERVAL_MS);
        const problem = await this.#probe();
        if (problem === undefined) continue;
        this.#unreachable(problem);
        return;
      }
    } finally {
      end.abort();
      await Promise.all(running);
    }
  }

  /** Another one after an upgrade. */
  async #readVersion(): Promise<boolean> {
    try {
      const answer = await this.#options.client.get<unknown>("/version", { signal: this.#stop.signal });
      this.#version = text(answer, "gitVersion");
      return true;
    } catch (error) {
      this.#unreachable(error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  #nodesListed(): void {
    this.#setApi({ state: "reachable", message: "", version: this.#version ?? "" });
  }

  #show(reflectors: readonly Reflector[]): void {
    const states = reflectors.map(({ state }) => state);
    const failed = states.find(({ state }) => state === "failed");
    if (failed) {
      this.#waker.wake();
      this.#setStatus("stale", failed.message);
    } else if (states.some(({ state }) => state === "listing")) this.#setStatus("resyncing", "");
    else {
      this.#live = true;
      this.#everLive = true;
      const missing = this.#tables.map((table) => table.missing).filter((each) => each !== "");
      this.set.setStatus("live", missing.length === 0 ? "" : `not shown: the rest of ${missing.join(", ")}`);
    }
  }

  #unreachable(message: string, state: ApiState["state"] = "unreachable"): void {
    if (this.#stop.signal.aborted) return;
    this.#setStatus("stale", message);
    this.#setApi({ ...this.#api, state, message });
  }

  /** Stale is what was whole once: until then it is still being read for the first time. */
  #setStatus(status: Exclude<ObservationStatus, "live">, message: string): void {
    this.#live = false;
    this.set.setStatus(this.#everLive ? status : "resyncing", message);
  }

  #setApi(api: ApiState): void {
    const before = this.#api;
    this.#api = api;
    if (!isDeepStrictEqual(before, api)) this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
