import type { Logger } from "pino";
import { type Cluster, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { KIND_CLUSTER_NETWORK, LABEL_KIND, LABEL_UID } from "../../common/engine/labels.ts";
import type { EngineObserver } from "../../common/engine/observer/observer.ts";
import type { ClusterCatalog } from "../clusters/catalog.ts";
import { clusterOfNode } from "../clusters/names.ts";
import { bridgeOf } from "../network/engine-network.ts";
import { ApiAddressKernel } from "./kernel.ts";
import { type Spread, Spreader } from "./spreader.ts";

export interface ApiAddressesOptions {
  /** Host id. */
  host: string;
  catalog: ClusterCatalog;
  observer: EngineObserver;
  isActive: () => boolean;
  log: Logger;
}

/** The API addresses of this host's clusters with several control planes: there as long as their networks are. */
export class ApiAddresses {
  readonly #options: ApiAddressesOptions;
  readonly #kernel = new ApiAddressKernel();
  /** By the cluster's uid. */
  readonly #spreaders = new Map<string, Spreader>();
  /** Uids of clusters that a job has taken the address away from. */
  readonly #removed = new Set<string>();
  readonly #stops: (() => void)[] = [];

  constructor(options: ApiAddressesOptions) {
    this.#options = options;
  }

  start(): void {
    const { catalog, observer } = this.#options;
    this.#stops.push(
      catalog.clusters.onChange((cluster, deleted) => {
        if (deleted) void this.#forget(cluster.meta!.uid);
        else this.#follow(cluster);
      }),
      catalog.nodes.onChange((node) => {
        const cluster = catalog.clusters.get(clusterOfNode(node.meta!.name));
        if (cluster) this.#follow(cluster);
      }),
      observer.onChange((changes) => {
        if (changes.some(({ kind }) => kind === "network")) this.#followAll();
      }),
      observer.onStatus(({ state }) => {
        if (state === "live") this.#followAll();
      }),
    );
    this.#followAll();
  }

  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    await Promise.all([...this.#spreaders.values()].map((spreader) => spreader.close()));
    this.#spreaders.clear();
  }

  /** Resolves when the address is there. `networkId`: of the cluster's network, which the engine has made. */
  async open(cluster: Cluster, nodes: readonly Node[], networkId: string): Promise<void> {
    const spread = spreadOf(cluster, nodes, networkId);
    if (!spread) return;
    this.#removed.delete(cluster.meta!.uid);
    await this.#keep(cluster.meta!.uid, spread).place();
  }

  /** Nothing of it is left when this resolves. */
  async remove({ meta, reservation }: Cluster, signal: AbortSignal): Promise<void> {
    this.#removed.add(meta!.uid);
    await this.#spreaders.get(meta!.uid)?.close();
    this.#spreaders.delete(meta!.uid);
    if (reservation && reservation.apiIpv4 !== "") await this.#kernel.remove(reservation.apiIpv4, signal);
  }

  #followAll(): void {
    const { catalog, host } = this.#options;
    for (const cluster of catalog.onHost(host)) this.#follow(cluster);
  }

  /** Keeps what has become of a cluster. For one that is to go nothing new is begun: its job takes away what there is. */
  #follow(cluster: Cluster): void {
    const { host, catalog, observer } = this.#options;
    const { uid, name, deleteTime } = cluster.meta!;
    if (cluster.meta!.host !== host || deleteTime || this.#removed.has(uid)) return;
    const network = [...observer.all("network")].find(
      ({ labels }) => labels[LABEL_KIND] === KIND_CLUSTER_NETWORK && labels[LABEL_UID] === uid,
    );
    const spread = network && spreadOf(cluster, catalog.nodes.of(name), network.id);
    if (spread) this.#keep(uid, spread);
  }

  #keep(uid: string, spread: Spread): Spreader {
    const known = this.#spreaders.get(uid);
    if (known) {
      known.change(spread);
      return known;
    }
    const { isActive, log } = this.#options;
    const made = new Spreader(spread, { kernel: this.#kernel, isActive, log });
    this.#spreaders.set(uid, made);
    return made;
  }

  async #forget(uid: string): Promise<void> {
    this.#removed.delete(uid);
    const spreader = this.#spreaders.get(uid);
    this.#spreaders.delete(uid);
    await spreader?.close();
  }
}

/** Undefined where the API's address is the only control plane's own, or not reserved yet. */
export function spreadOf(
  { meta, spec, reservation }: Cluster,
  nodes: readonly Node[],
  networkId: string,
): Spread | undefined {
  if (!reservation || reservation.apiIpv4 === "") return undefined;
  const servers = nodes.flatMap((node) => {
    const own = node.spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE && node.meta?.deleteTime === undefined;
    return own && node.reservation?.ipv4 ? [node.reservation.ipv4] : [];
  });
  if (servers.length === 0 || servers.includes(reservation.apiIpv4)) return undefined;
  return {
    name: meta!.name,
    address: reservation.apiIpv4,
    subnet: reservation.subnet,
    bridge: bridgeOf(networkId),
    servers,
    runs: spec?.power !== PowerState.POWER_STATE_STOPPED && spec?.power !== PowerState.POWER_STATE_PAUSED,
  };
}
