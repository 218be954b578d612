import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Member } from "./members.ts";

const PEER_PORT = 2380;

/** Where a member's peers reach it. kubeadm gives members the names of their nodes. */
export function peerUrl(address: string): string {
  return `https://${address}:${PEER_PORT}`;
}

/**
 * etcd's flags for the first start of members that begin a cluster together: none waits for the one before it, as those do that join one by
 * one. A member that has its data does not look at them again.
 */
export function initialCluster(controlPlanes: readonly Node[]): Record<string, string> {
  const members = controlPlanes.map(
    ({ reservation }) => `${reservation!.kubernetesName}=${peerUrl(reservation!.ipv4)}`,
  );
  return { "initial-cluster": members.join(","), "initial-cluster-state": "new" };
}

/** The same for a member that others have taken in: it gets its data from them. */
export function joiningCluster(node: Node, members: readonly Member[]): Record<string, string> {
  const { kubernetesName, ipv4 } = node.reservation!;
  const own = peerUrl(ipv4);
  // One that has never started has no name yet.
  const entries = members.flatMap(({ name, peerUrls }) =>
    peerUrls.map((url) => `${url === own ? kubernetesName : name}=${url}`),
  );
  return { "initial-cluster": entries.join(","), "initial-cluster-state": "existing" };
}

/** For one of several members whose data is to be a cluster's of its own: it knows the others no more. Only for the start that makes it so. */
export const ALONE_CLUSTER: Readonly<Record<string, string>> = { "force-new-cluster": "true" };
