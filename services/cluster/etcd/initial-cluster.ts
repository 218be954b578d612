import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";

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
  const members = controlPlanes.map(({ reservation }) => `${reservation!.kubernetesName}=${peerUrl(reservation!.ipv4)}`);
  return { "initial-cluster": members.join(","), "initial-cluster-state": "new" };
}
