import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { compareNodes } from "../clusters/node-order.ts";
import { API_PORT } from "../pki/paths.ts";

/** In every API server's certificate. */
export const API_SERVER_NAME = "kubernetes";

export interface Endpoint {
  host: string;
  port: number;
}

/** Where a cluster's API is, and who has its credentials. */
export interface ClusterTarget {
  name: string;
  uid: string;
  /** In the order in which they are tried. */
  endpoints: Endpoint[];
  /** Containers of the control planes. */
  controlPlanes: string[];
}

/** From the records: each control plane's own address, then the port published on the host (where the engine's networks are not reachable). */
export function targetOf(cluster: Cluster, nodes: readonly Node[]): ClusterTarget {
  const controlPlanes = nodes
    .filter(({ spec, meta }) => spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE && meta?.deleteTime === undefined)
    .toSorted(compareNodes);
  const endpoints = controlPlanes.flatMap(({ reservation }) =>
    reservation && reservation.ipv4 !== "" ? [{ host: reservation.ipv4, port: API_PORT }] : [],
  );
  const port = cluster.reservation?.apiPort ?? 0;
  const host = cluster.spec?.networking?.apiServerAddress || "127.0.0.1";
  if (port !== 0) endpoints.push({ host, port });
  // Addresses that nobody keeps for the node: those it was last seen at.
  for (const { reservation, status } of controlPlanes) {
    if (reservation?.ipv4 === "" && status && status.ipv4 !== "") endpoints.push({ host: status.ipv4, port: API_PORT });
  }
  return {
    name: cluster.meta!.name,
    uid: cluster.meta!.uid,
    endpoints,
    controlPlanes: controlPlanes.map(({ meta }) => containerNameOfNode(meta!.name)),
  };
}

export function sameTarget(a: ClusterTarget, b: ClusterTarget): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
