import type { Logger } from "pino";
import { type Cluster, PowerState } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { projectOf } from "../../../common/names/resource-names.ts";
import type { ObservationHub } from "../../../common/watch/observations.ts";
import type { ClusterCatalog } from "../../clusters/catalog.ts";
import { clusterOfNode, engineNameOfCluster } from "../../clusters/names.ts";
import type { KubernetesClients } from "../clients.ts";
import { targetOf } from "../target.ts";
import { ClusterObservations, type ClusterObservationsOptions } from "./cluster-observations.ts";

/** Of several processes on a host one observes: how soon another takes over once that one is gone. */
const ACTIVE_CHECK_INTERVAL_MS = 500;

export interface KubernetesObserverOptions extends Pick<ClusterObservationsOptions, "objectsMax" | "eventsMax"> {
  /** Host id. */
  host: string;
  catalog: ClusterCatalog;
  clients: KubernetesClients;
  /** Where the origins come and go. */
  hub: ObservationHub;
  /** Whether this process does its host's work. */
  isActive: () => boolean;
  now: () => Date;
  log: Logger;
}

/**
 * Observes the API of each of this host's clusters, from the moment it has an address to the moment its record is gone. Their origins are there from
 * the start, also while another process is the one that observes.
 */
export class KubernetesObserver {
  readonly #options: KubernetesObserverOptions;
  /** By the cluster's uid. */
  readonly #observed = new Map<string, ClusterObservations>();
  readonly #listeners = new Set<(cluster: string) => void>();
  readonly #stops: (() => void)[] = [];
  readonly #ending = new Set<Promise<void>>();
  #active = false;

  constructor(options: KubernetesObserverOptions) {
    this.#options = options;
  }

  start(): void {
    const { catalog } = this.#options;
    const timer = setInterval(() => this.#checkActive(), ACTIVE_CHECK_INTERVAL_MS);
    this.#stops.push(
      catalog.clusters.onChange((cluster, deleted) => {
        if (deleted) this.#forget(cluster.meta!.uid);
        else this.#check(cluster);
      }),
      catalog.nodes.onChange((node) => {
        const cluster = catalog.clusters.get(clusterOfNode(node.meta!.name));
        if (cluster) this.#check(cluster);
      }),
      () => clearInterval(timer),
    );
    this.#active = this.#options.isActive();
    this.#checkAll();
  }

  /** What is seen of the cluster; undefined when it is not observed here. */
  of(uid: string): ClusterObservations | undefined {
    return this.#observed.get(uid);
  }

  /** Called with a cluster's name when its API's state or one of its nodes is another. */
  onChange(listener: (cluster: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when nothing is observed any more. */
  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    for (const uid of this.#observed.keys()) this.#drop(uid);
    await Promise.all(this.#ending);
  }

  #checkActive(): void {
    const active = this.#options.isActive();
    if (active === this.#active) return;
    this.#active = active;
    this.#checkAll();
  }

  #checkAll(): void {
    for (const cluster of this.#options.catalog.onHost(this.#options.host)) this.#check(cluster);
  }

  #check(cluster: Cluster): void {
    const { host, catalog, clients } = this.#options;
    const { uid, name } = cluster.meta!;
    if (cluster.meta!.host !== host) return;
    const target = targetOf(cluster, catalog.nodes.of(name));
    if (target.endpoints.length === 0) return;
    const client = clients.for(target);
    const known = this.#observed.get(uid) ?? this.#add(cluster, client);
    if (this.#active) known.rest(restOf(cluster));
    else known.rest("it is not observed by this process", false);
    known.start();
  }

  #add(cluster: Cluster, client: ClusterObservationsOptions["client"]): ClusterObservations {
    const { hub, log, now, objectsMax, eventsMax } = this.#options;
    const { uid, name } = cluster.meta!;
    const observations = new ClusterObservations({
      cluster: name,
      project: projectOf(name),
      origin: `kubernetes/${engineNameOfCluster(name)}`,
      client,
      log: log.child({ cluster: name }),
      now,
      ...(objectsMax && { objectsMax }),
      ...(eventsMax && { eventsMax }),
    });
    this.#observed.set(uid, observations);
    observations.onChange(() => {
      for (const listener of this.#listeners) listener(name);
    });
    hub.add(observations.set);
    return observations;
  }

  #forget(uid: string): void {
    this.#drop(uid);
    this.#options.clients.forget(uid);
  }

  #drop(uid: string): void {
    const observations = this.#observed.get(uid);
    if (!observations) return;
    this.#observed.delete(uid);
    this.#options.hub.remove(observations.set);
    const ended = observations.close().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }
}

/** Why the cluster's API is not to be asked; empty: it is. */
function restOf({ meta, spec }: Cluster): string {
  if (meta?.deleteTime) return "the cluster is being deleted";
  if (spec?.power === PowerState.POWER_STATE_STOPPED) return "the cluster is stopped";
  return spec?.power === PowerState.POWER_STATE_PAUSED ? "the cluster is paused" : "";
}
