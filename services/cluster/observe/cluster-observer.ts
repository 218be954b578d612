import { status as Code } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { type Cluster, ClusterStatus } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeStatus } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { identityOf } from "../../common/engine/labels.ts";
import type { EngineChange } from "../../common/engine/observer/changes.ts";
import type { EngineObserver } from "../../common/engine/observer/observer.ts";
import { REFINE_DELAY_MS, Refiner } from "../../common/engine/observer/refiner.ts";
import type { ContainerState } from "../../common/engine/state.ts";
import { GantryError } from "../../common/errors/errors.ts";
import { ContainersByUid } from "../../common/observe/containers-by-uid.ts";
import type { Store } from "../../common/store/api.ts";
import type { ClusterCatalog } from "../clusters/catalog.ts";
import { clusterOfNode } from "../clusters/names.ts";
import { clusterOfContainer } from "../nodes/own-container.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import type { ApiState } from "../kubernetes/observations/cluster-observations.ts";
import type { KubernetesObserver } from "../kubernetes/observations/kubernetes-observer.ts";
import type { NodePorts } from "../node-ports/node-ports.ts";
import { observedClusterStatus } from "./cluster-status.ts";
import { observedNodeStatus } from "./node-status.ts";

/** Until a write that failed is tried again. */
const RETRY_DELAY_MS = 1_000;
/** Of a cluster that has no address yet. */
const NOT_OBSERVED: ApiState = { state: "unreachable", message: "the cluster has no address yet", version: "" };

export interface ClusterObserverOptions {
  /** Host id. */
  host: string;
  store: Store;
  observer: EngineObserver;
  observed: KubernetesObserver;
  nodePorts: NodePorts;
  catalog: ClusterCatalog;
  /** Whether this process does its host's work: only that one sees the clusters' APIs. */
  isActive: () => boolean;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Writes the status of this host's clusters and nodes as containers and Kubernetes show it, whenever it differs from the record's.
 * Level-triggered: looks at a cluster when one of its containers, records, Kubernetes nodes or its API's state changes, and at all of them when
 * the engine's observer has become live.
 */
export class ClusterObserver {
  readonly #options: ClusterObserverOptions;
  readonly #containers = new ContainersByUid();
  readonly #checks = new Refiner((name) => this.#check(name));
  readonly #later = new Map<string, NodeJS.Timeout>();
  readonly #stops: (() => void)[] = [];

  constructor(options: ClusterObserverOptions) {
    this.#options = options;
  }

  start(): void {
    const { observer, catalog, host, observed, nodePorts, signal } = this.#options;
    for (const container of observer.all("container")) this.#containers.put(container);
    this.#stops.push(
      observer.onChange((changes) => {
        for (const change of changes) this.#onEngine(change);
      }),
      observer.onStatus((status) => {
        if (status.state === "live") this.#checkAll();
      }),
      catalog.clusters.onChange((cluster, deleted) => {
        if (!deleted && cluster.meta!.host === host) this.#checks.request(cluster.meta!.name, REFINE_DELAY_MS);
      }),
      catalog.nodes.onChange((node) => {
        if (node.meta!.host === host) this.#checks.request(clusterOfNode(node.meta!.name), REFINE_DELAY_MS);
      }),
      nodePorts.onChange((cluster) => this.#checks.request(cluster, REFINE_DELAY_MS)),
      observed.onChange((cluster) => this.#checks.request(cluster, REFINE_DELAY_MS)),
    );
    signal.addEventListener("abort", () => this.close(), { once: true });
    if (observer.status.state === "live") this.#checkAll();
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
    for (const timer of this.#later.values()) clearTimeout(timer);
    this.#later.clear();
    this.#checks.clear();
  }

  #checkAll(): void {
    for (const cluster of this.#options.catalog.onHost(this.#options.host)) this.#checks.request(cluster.meta!.name);
  }

  #onEngine(change: EngineChange): void {
    if (change.kind !== "container") return;
    const cluster = clusterOfContainer(change.type === "put" ? change.object.labels : change.previous.labels);
    if (cluster === undefined) return;
    if (change.type === "put") this.#containers.put(change.object);
    else this.#containers.delete(change.previous);
    // What an event alone told is completed in a moment.
    if (change.type === "delete" || change.object.detailed) this.#checks.request(cluster);
  }

  async #check(name: string): Promise<void> {
    const { catalog, observer, host, isActive, signal, log } = this.#options;
    const cluster = catalog.clusters.get(name);
    if (signal.aborted || cluster?.meta?.host !== host) return;
    if (observer.status.state !== "live") return;
    // Another process does it, or this one will in a moment.
    if (!isActive()) return this.#checkLater(name);
    const api = this.#apiOf(cluster);
    if (api.state === "unknown") return;
    try {
      await this.#write(cluster, api);
    } catch (error) {
      if (signal.aborted || (error instanceof GantryError && error.code === Code.NOT_FOUND)) return;
      log.warn({ err: error, cluster: name }, "a cluster's status could not be written; it is tried again");
      this.#checkLater(name);
    }
  }

  #apiOf({ meta }: Cluster): ApiState {
    return this.#options.observed.of(meta!.uid)?.api ?? NOT_OBSERVED;
  }

  async #write(cluster: Cluster, api: ApiState): Promise<void> {
    const { catalog } = this.#options;
    const nodes: Node[] = [];
    for (const node of catalog.nodes.of(cluster.meta!.name)) {
      const container = this.#containerOf(node);
      // What is known of it is completed in a moment.
      if (container && !container.detailed) return;
      nodes.push({ ...node, status: await this.#writeNode(cluster, node, container, api) });
    }
    await this.#writeCluster(cluster, nodes, api);
  }

  #containerOf({ meta, status }: Node): ContainerState | undefined {
    const id = status?.containerId ?? "";
    return this.#containers.find(meta!.uid, id) ?? this.#adopted(id);
  }

  /** One that kind made has no uid of ours: it is told by its id. */
  #adopted(id: string): ContainerState | undefined {
    const container = this.#options.observer.get("container", id);
    return container && !identityOf(container.labels) ? container : undefined;
  }

  async #writeNode(
    cluster: Cluster,
    node: Node,
    container: ContainerState | undefined,
    api: ApiState,
  ): Promise<NodeStatus> {
    const { store, observed, nodePorts } = this.#options;
    const view = observed.of(cluster.meta!.uid)?.nodes.get(node.reservation?.kubernetesName ?? "");
    const ports = nodePorts.of(node.meta!.name);
    const sight = { container, ports, view, api, busy: cluster.meta!.operation !== "" };
    const next = (record: Node): NodeStatus => observedNodeStatus(record, sight, store.now());
    const wanted = next(node);
    if (same(NodeStatus, node.status, wanted)) return wanted;
    await store.mutate(nodeKind, node.meta!.name, (record) => {
      if (record.meta?.uid !== node.meta!.uid) return false;
      const status = next(record);
      if (same(NodeStatus, record.status, status)) return false;
      record.status = status;
      return undefined;
    });
    return wanted;
  }

  async #writeCluster(cluster: Cluster, nodes: readonly Node[], api: ApiState): Promise<void> {
    const { store } = this.#options;
    const next = (record: Cluster): ClusterStatus => observedClusterStatus(record, nodes, api, store.now());
    if (same(ClusterStatus, cluster.status, next(cluster))) return;
    await store.mutate(clusterKind, cluster.meta!.name, (record) => {
      if (record.meta?.uid !== cluster.meta!.uid) return false;
      const status = next(record);
      if (same(ClusterStatus, record.status, status)) return false;
      record.status = status;
      return undefined;
    });
  }

  #checkLater(name: string): void {
    if (this.#later.has(name)) return;
    const timer = setTimeout(() => {
      this.#later.delete(name);
      this.#checks.request(name);
    }, RETRY_DELAY_MS);
    this.#later.set(name, timer);
  }
}

function same<T>(message: { encode(value: T): { finish(): Uint8Array } }, a: T | undefined, b: T): boolean {
  return a !== undefined && Buffer.from(message.encode(a).finish()).equals(message.encode(b).finish());
}
