import type { Logger } from "pino";
import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node, NodePort } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { KIND_CLUSTER_NETWORK, LABEL_KIND, LABEL_UID } from "../../common/engine/labels.ts";
import type { EngineObserver } from "../../common/engine/observer/observer.ts";
import { ReconcileLoop } from "../../common/observe/reconcile-loop.ts";
import type { ClusterCatalog } from "../clusters/catalog.ts";
import { clusterOfNode } from "../clusters/names.ts";
import { bridgeOf } from "../network/engine-network.ts";
import { clusterOfContainer, isContainerOf } from "../nodes/own-container.ts";
import { NodePortsKernel } from "./kernel.ts";
import { PortHold } from "./port-hold.ts";
import { portTable } from "./port-table.ts";
import type { PortTable } from "./rules.ts";

export interface NodePortsOptions {
  /** Host id. */
  host: string;
  catalog: ClusterCatalog;
  observer: EngineObserver;
  isActive: () => boolean;
  log: Logger;
}

interface Placed {
  /** What was put in place; empty: nothing. */
  wanted: string;
  /** What the kernel made of it. */
  seen: string;
  /** By the node's name. */
  ports: ReadonlyMap<string, readonly NodePort[]>;
  /** When the kernel was last seen to have it. */
  verifiedMs: number;
}

const NOTHING: Placed = { wanted: "", seen: "", ports: new Map(), verifiedMs: 0 };
/** Somebody may have flushed the rules, or the engine made the bridge anew. */
const VERIFY_INTERVAL_MS = 5_000;

/** Whose container does so has its ports. */
const RUNS: ReadonlySet<string> = new Set(["running", "paused"]);

/**
 * Ports of this host that lead to nodes, as the records' reservations have them: there as long as the nodes run. Level-triggered: looks at a cluster
 * when its records, its containers or its network change, and at all from time to time, for somebody may have flushed the rules.
 */
export class NodePorts {
  readonly #options: NodePortsOptions;
  readonly #kernel = new NodePortsKernel();
  readonly #held: PortHold;
  readonly #end = new AbortController();
  readonly #loop: ReconcileLoop;
  /** By the cluster's uid. */
  readonly #placed = new Map<string, Placed>();
  /** Uids of clusters that a job has taken the ports away from. */
  readonly #removed = new Set<string>();
  readonly #listeners = new Set<(cluster: string) => void>();
  readonly #stops: (() => void)[] = [];
  #turn: Promise<void> = Promise.resolve();

  constructor(options: NodePortsOptions) {
    const { host, catalog, observer, isActive, log } = options;
    this.#options = options;
    this.#held = new PortHold((error) => log.warn({ err: error }, "a socket that holds a port of the host failed"));
    this.#loop = new ReconcileLoop({
      names: () => catalog.onHost(host).map(({ meta }) => meta!.name),
      compare: (name) => this.#follow(name),
      canWork: () => isActive() && observer.status.state === "live",
      log,
    });
  }

  start(): void {
    const { catalog, observer } = this.#options;
    this.#stops.push(
      catalog.clusters.onChange((cluster, deleted) => {
        if (deleted) void this.#forget(cluster);
        else this.#loop.later(cluster.meta!.name, 0);
      }),
      catalog.nodes.onChange(({ meta }) => this.#loop.later(clusterOfNode(meta!.name), 0)),
      observer.onChange((changes) => {
        for (const change of changes) {
          if (change.kind === "network") this.#loop.everything();
          if (change.kind !== "container") continue;
          const cluster = clusterOfContainer(change.type === "put" ? change.object.labels : change.previous.labels);
          if (cluster !== undefined) this.#loop.later(cluster, 0);
        }
      }),
      observer.onStatus(({ state }) => {
        if (state === "live") this.#loop.everything();
      }),
    );
    this.#loop.run(this.#end.signal);
    const timer = setInterval(() => this.#verify(), VERIFY_INTERVAL_MS);
    this.#stops.push(() => clearInterval(timer));
  }

  #verify(): void {
    const { catalog, host } = this.#options;
    for (const { meta } of catalog.onHost(host)) {
      const placed = this.#placed.get(meta!.uid);
      if (placed && placed !== NOTHING) this.#loop.later(meta!.name, 0);
    }
  }

  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    this.#end.abort();
    await Promise.allSettled([this.#loop.idle(), this.#turn]);
    await this.#held.close();
  }

  /** Resolves when the ports of those of the nodes that run lead to them, and no others of the cluster. */
  async open(cluster: Cluster, nodes: readonly Node[], signal: AbortSignal): Promise<void> {
    this.#removed.delete(cluster.meta!.uid);
    await this.#inTurn(() => this.#place(cluster, nodes, signal));
  }

  /** Nothing of them is left when this resolves. */
  async remove({ meta }: Cluster, signal: AbortSignal): Promise<void> {
    this.#removed.add(meta!.uid);
    await this.#inTurn(() => this.#take(meta!.uid, signal));
  }

  /** Ports that lead to a node now. */
  of(node: string): readonly NodePort[] {
    for (const { ports } of this.#placed.values()) {
      const found = ports.get(node);
      if (found) return found;
    }
    return [];
  }

  /** Calls back with the cluster's name when its ports have changed; returns the way to stop. */
  onChange(listener: (cluster: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Keeps what has become of a cluster. For one that is to go nothing new is begun: its job takes away what there is. */
  async #follow(name: string): Promise<void> {
    const { catalog, host } = this.#options;
    const cluster = catalog.clusters.get(name);
    const { uid, host: where, deleteTime } = cluster?.meta ?? { uid: "", host: "", deleteTime: undefined };
    if (!cluster || where !== host || deleteTime || this.#removed.has(uid)) return;
    await this.#inTurn(() => this.#place(cluster, catalog.nodes.of(name), this.#end.signal));
  }

  async #place(cluster: Cluster, nodes: readonly Node[], signal: AbortSignal): Promise<void> {
    const { uid, name } = cluster.meta!;
    const running = nodes.filter((node) => !node.meta!.deleteTime && this.#runs(node));
    const bridge = this.#bridgeOf(uid);
    const table = bridge === undefined ? undefined : portTable(cluster, running, bridge);
    const placed = this.#placed.get(uid);
    // One that never had any is not looked at in the kernel, where this process knows so.
    if (!table) {
      if (placed !== NOTHING) await this.#take(uid, signal);
    } else await this.#keep(table, running, signal);
    if (placed?.wanted !== this.#placed.get(uid)?.wanted) for (const listener of this.#listeners) listener(name);
  }

  async #keep(table: PortTable, nodes: readonly Node[], signal: AbortSignal): Promise<void> {
    const wanted = JSON.stringify(table);
    const placed = this.#placed.get(table.uid);
    const nowMs = performance.now();
    if (placed?.wanted === wanted) {
      if (nowMs - placed.verifiedMs < VERIFY_INTERVAL_MS) return;
      placed.verifiedMs = nowMs;
      await this.#kernel.admitLoopback(table.bridge);
      if ((await this.#kernel.read(table.uid, signal)) === placed.seen) return;
    }
    await this.#hold(table);
    const seen = await this.#kernel.put(table, signal);
    const ports = nodes.map(({ meta, reservation }): [string, NodePort[]] => [meta!.name, reservation?.ports ?? []]);
    this.#placed.set(table.uid, { wanted, seen, ports: new Map(ports), verifiedMs: nowMs });
  }

  /** Who took one while this process was away finds it led past him, as long as he has it. */
  async #hold({ uid, ports }: PortTable): Promise<void> {
    const lost = await this.#held.keep(uid, ports);
    if (lost.length > 0) this.#options.log.warn({ ports: lost }, "ports that lead to nodes are another process's too");
  }

  async #take(uid: string, signal: AbortSignal): Promise<void> {
    await this.#held.release(uid);
    if ((await this.#kernel.read(uid, signal)) !== undefined) await this.#kernel.remove(uid, signal);
    this.#placed.set(uid, NOTHING);
  }

  async #forget({ meta }: Cluster): Promise<void> {
    const { log } = this.#options;
    const { uid, name } = meta!;
    try {
      const placed = this.#placed.get(uid);
      if (placed && placed !== NOTHING) await this.#inTurn(() => this.#take(uid, this.#end.signal));
    } catch (error) {
      if (!this.#end.signal.aborted)
        log.warn({ err: error, target: name }, "the cluster's ports are left in the kernel");
    }
    this.#placed.delete(uid);
    this.#removed.delete(uid);
  }

  #runs(node: Node): boolean {
    for (const { id, labels, state } of this.#options.observer.all("container")) {
      if (RUNS.has(state) && isContainerOf(node, id, labels)) return true;
    }
    return false;
  }

  #bridgeOf(uid: string): string | undefined {
    for (const { id, labels } of this.#options.observer.all("network")) {
      if (labels[LABEL_KIND] === KIND_CLUSTER_NETWORK && labels[LABEL_UID] === uid) return bridgeOf(id);
    }
    return undefined;
  }

  /** One after the other. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
