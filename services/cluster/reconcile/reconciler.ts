import type { Logger } from "pino";
import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import { listContainers } from "../../common/engine/api/containers.ts";
import { findNetwork } from "../../common/engine/api/networks.ts";
import type { EngineChange } from "../../common/engine/observer/changes.ts";
import { containerFromList, networkFromInspect } from "../../common/engine/state.ts";
import { GantryError, operationInProgress } from "../../common/errors/errors.ts";
import type { Operations } from "../../common/jobs/api.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import { Backoff } from "../../common/observe/backoff.ts";
import { ReconcileLoop } from "../../common/observe/reconcile-loop.ts";
import type { StoreHandle } from "../../common/store/store.ts";
import { removeLeftImageContainers } from "../clusters/image-containers.ts";
import { markDeleted } from "../clusters/mark-deleted.ts";
import { engineNameOfCluster } from "../clusters/names.ts";
import type { HostTools } from "../host-tools.ts";
import { nodesOf } from "../jobs/context.ts";
import { clusterKind } from "../kinds.ts";
import { LABEL_KIND_CLUSTER } from "../nodes/container-options.ts";
import { clusterOfContainer } from "../nodes/own-container.ts";
import { clusterSight, networkOf } from "./cluster-sight.ts";
import { type ClusterSight, type Correction, difference, lostNodes } from "./difference.ts";

export interface ReconcilerOptions {
  tools: HostTools;
  store: StoreHandle;
  operations: Operations;
  /** Whether this process does its host's work: one does. */
  isActive: () => boolean;
  log: Logger;
}

/** After a change: nodes of a cluster mostly end and come together. */
const SETTLE_MS = 500;
/** Before nodes whose containers are gone are made anew. */
const LOST_AFTER_MS = 10_000;
const LOST_LOOK_MS = 1_000;
const ENGINE_TIMEOUT_MS = 10_000;
/** No cluster's name. */
const IMAGE_CONTAINERS = "image-containers";

/**
 * Compares what is wanted of clusters with what the engine has, after every change and every 30 s, and hands the difference to a job.
 * Level-triggered: it acts on how things are, never on what an event said; a job that runs on a cluster has it to itself.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #backoff = new Backoff();
  /** When nodes of a cluster were first seen to be lost, by its uid. */
  readonly #lostSince = new Map<string, number>();
  readonly #loop: ReconcileLoop;
  /** Whether what earlier processes looked into images with is gone. */
  #imagesCleared = false;

  constructor(options: ReconcilerOptions) {
    const { tools, log, isActive, store } = options;
    this.#options = options;
    this.#loop = new ReconcileLoop({
      names: () => [...tools.catalog.onHost(tools.host).map(({ meta }) => meta!.name), ...this.#imageContainers()],
      compare: (name) => (name === IMAGE_CONTAINERS ? this.#clearImageContainers() : this.#compare(name)),
      canWork: () => isActive() && store.state === "live" && tools.observer.status.state === "live",
      log,
    });
  }

  /** Until `signal` aborts. */
  run(signal: AbortSignal): void {
    const { tools } = this.#options;
    const stops = [
      tools.observer.onChange((changes) => {
        for (const change of changes) this.#onEngine(change);
      }),
      tools.observer.onStatus(({ state }) => {
        if (state === "live") this.#loop.everything();
      }),
      tools.catalog.clusters.onChange((cluster, deleted) => {
        const { name, uid, host, operation } = cluster.meta!;
        if (deleted) {
          this.#backoff.forget(uid);
          this.#lostSince.delete(uid);
        } else if (host === tools.host && operation === "") this.#loop.later(name, SETTLE_MS);
      }),
    ];
    const end = (): void => {
      for (const stop of stops) stop();
    };
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    this.#loop.run(signal);
  }

  /** What has begun is over. */
  idle(): Promise<void> {
    return this.#loop.idle();
  }

  #onEngine(change: EngineChange): void {
    if (change.kind !== "container") return;
    const cluster = clusterOfContainer(change.type === "put" ? change.object.labels : change.previous.labels);
    if (cluster !== undefined) this.#loop.later(cluster, SETTLE_MS);
  }

  #imageContainers(): string[] {
    return this.#imagesCleared ? [] : [IMAGE_CONTAINERS];
  }

  /** Once: what this process leaves behind is for the next one. */
  async #clearImageContainers(): Promise<void> {
    const { tools, log } = this.#options;
    const containers = await removeLeftImageContainers(tools.engine, tools.host);
    this.#imagesCleared = true;
    if (containers.length > 0) log.warn({ containers }, "removed what images had been looked into with");
  }

  async #compare(name: string): Promise<void> {
    const { catalog, host, standing } = this.#options.tools;
    const known = catalog.clusters.get(name);
    if (!known?.meta || known.meta.host !== host) return;
    if (standing.has(name)) return this.#loop.later(name, SETTLE_MS);
    const correction = difference(known, catalog.nodes.of(name), this.#remembered(known));
    if (correction !== "replace") this.#lostSince.delete(known.meta.uid);
    if (correction === undefined) return;
    if (correction === "replace" && !this.#isLost(known)) return this.#loop.later(name, LOST_LOOK_MS);
    const waitMs = this.#backoff.waitMs(known.meta.uid, performance.now());
    if (waitMs > 0) return this.#loop.later(name, waitMs);
    await this.#correct(name);
  }

  /** Whoever takes away all containers of a cluster takes some of them first: nothing is made anew under his hands. */
  #isLost({ meta }: Cluster): boolean {
    const nowMs = performance.now();
    const since = this.#lostSince.get(meta!.uid) ?? nowMs;
    this.#lostSince.set(meta!.uid, since);
    return nowMs - since >= LOST_AFTER_MS;
  }

  /** As the engine's observer has it in memory. */
  #remembered(cluster: Cluster): ClusterSight {
    const { observer, catalog } = this.#options.tools;
    const all = { containers: observer.all("container"), networks: observer.all("network") };
    return clusterSight(cluster, catalog.nodes.of(cluster.meta!.name), all);
  }

  /** Looks once more, at records and engine themselves: what is in memory may be a moment old. */
  async #correct(name: string): Promise<void> {
    const { store, log } = this.#options;
    const cluster = await store.get(clusterKind, name);
    if (!cluster?.meta) return;
    const nodes = await nodesOf(store, name);
    const sight = await this.#look(cluster, nodes);
    const correction = difference(cluster, nodes, sight);
    if (correction === undefined) return;
    this.#backoff.tried(cluster.meta.uid, performance.now());
    try {
      const lost = correction === "replace" ? lostNodes(nodes, sight).map(({ meta }) => meta!.name) : [];
      await this.#submit(cluster, correction, lost);
      log.info({ target: name, correction, containers: [...sight.containers.values()] }, "brought back in line");
    } catch (error) {
      if (!(error instanceof GantryError) || error.reason !== "OPERATION_IN_PROGRESS") throw error;
    }
  }

  async #look(cluster: Cluster, nodes: readonly Node[]): Promise<ClusterSight> {
    const { engine } = this.#options.tools;
    const limits = { timeoutMs: ENGINE_TIMEOUT_MS };
    const label = [`${LABEL_KIND_CLUSTER}=${engineNameOfCluster(cluster.meta!.name)}`];
    const [containers, network] = await Promise.all([
      listContainers(engine, { label }, limits),
      findNetwork(engine, networkOf(cluster), limits),
    ]);
    return clusterSight(cluster, nodes, {
      containers: containers.map((each) => containerFromList(each)),
      networks: network ? [networkFromInspect(network)] : [],
    });
  }

  async #submit(seen: Cluster, correction: Correction, nodes: string[]): Promise<void> {
    const { name, uid, generation } = seen.meta!;
    const { store } = this.#options;
    await this.#options.operations.submit({
      job: correction === "replace" ? "replace-nodes" : `${correction}-cluster`,
      verb: correction,
      kind: clusterKind,
      target: name,
      project: projectOf(name),
      host: (cluster) => cluster.meta?.host ?? "",
      payload: () => ClusterJob.encode(ClusterJob.fromPartial({ previous: seen.spec!, nodes })).finish(),
      async write(tx) {
        const cluster = await tx.need(clusterKind, name);
        const { meta } = cluster;
        if (meta?.uid !== uid || meta.generation !== generation) throw changedMeanwhile(name);
        // A deletion takes over from what runs: not from one that a user has asked for since.
        if (meta.operation !== "") throw operationInProgress(name, meta.operation);
        if (correction === "delete") await markDeleted(tx, cluster, await nodesOf(store, name));
        tx.put(clusterKind, cluster);
        return cluster;
      },
    });
  }
}

function changedMeanwhile(name: string): Error {
  return new Error(`${name} has changed meanwhile: it is looked at again`);
}
