import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { identityOf, KIND_CLUSTER_NETWORK } from "../../common/engine/labels.ts";
import type { ContainerState, NetworkState } from "../../common/engine/state.ts";
import { engineNameOfCluster, networkNameOf } from "../clusters/names.ts";
import { LABEL_KIND_CLUSTER } from "../nodes/container-options.ts";
import { isContainerOf } from "../nodes/own-container.ts";
import type { ClusterSight } from "./difference.ts";

/** Name of the network that a cluster's nodes are in: its own, or of one that kind made the one that kind has for all of its clusters. */
export function networkOf({ meta, status }: Cluster): string {
  return status?.adopted ? status.network : networkNameOf(meta!.name);
}

/** What of an engine belongs to a cluster. */
export function clusterSight(
  cluster: Cluster,
  nodes: readonly Node[],
  all: { containers: readonly ContainerState[]; networks: readonly NetworkState[] },
): ClusterSight {
  const engineName = engineNameOfCluster(cluster.meta!.name);
  const own = all.containers.filter(({ labels }) => labels[LABEL_KIND_CLUSTER] === engineName);
  const name = networkOf(cluster);
  const containers = new Map<string, string>();
  const addresses = new Map<string, string>();
  for (const node of nodes) {
    const container = own.find(({ id, labels }) => isContainerOf(node, id, labels));
    if (!container) continue;
    const { uid } = node.meta!;
    containers.set(uid, container.state);
    const address = addressIn(container, name);
    if (address !== undefined) addresses.set(uid, address);
  }
  const network = all.networks.find((each) => each.name === name);
  const isThere = network !== undefined && (cluster.status?.adopted || isNetworkOf(network, cluster.meta!.uid));
  return { containers, addresses, network: isThere };
}

function isNetworkOf({ labels }: NetworkState, uid: string): boolean {
  const identity = identityOf(labels);
  return identity?.kind === KIND_CLUSTER_NETWORK && identity.uid === uid;
}

/** Undefined for one that does not run: where it will be is looked at when it is started. */
function addressIn({ state, addresses }: ContainerState, network: string): string | undefined {
  if (state !== "running") return undefined;
  return addresses.find((each) => each.network === network)?.ipv4 ?? "";
}
