import { Cluster, ClusterState } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node, NodeState } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { alreadyExists, failedPrecondition, type GantryError } from "../../../common/errors/errors.ts";
import { projectOf } from "../../../common/names/resource-names.ts";
import type { Transaction } from "../../../common/store/api.ts";
import { hostPortsOf } from "../../clusters/check-spec.ts";
import { containerNameOfNode, endpointNameOf } from "../../clusters/names.ts";
import type { PlannedNode } from "../../clusters/plan-nodes.ts";
import type { ClusterServiceContext } from "../../context.ts";
import { checkFree, checkHostRoom } from "./check-host.ts";
import { clusterKind } from "../../kinds.ts";
import type { Wanted } from "./check-request.ts";

export interface Admitted {
  cluster: Cluster;
  nodes: Node[];
}

/**
 * Refuses, or makes the records. Called in the transaction, so that a repeated request gets its first answer whatever has become of the realm
 * since.
 */
export async function admit(
  service: ClusterServiceContext,
  tx: Transaction,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Admitted> {
  const { name, spec, labels, annotations, found, imageProblem, room } = wanted;
  // What the first of that name holds (ports, names) must not be told as a fault of the second.
  if (found.empty && (await tx.get(clusterKind, name))) throw alreadyExists(name);
  found.throwIfAny();
  await service.projects.needOpen(`projects/${projectOf(name)}`, signal);
  const here = spec.host === service.tools.host;
  if (!here && !(await service.hostWorks(spec.host))) throw noSuchHost(spec.host);
  if (imageProblem) throw imageProblem;
  if (here) {
    const names = wanted.nodes.map(({ id }) => containerNameOfNode(`${name}/nodes/${id}`));
    checkFree(service.tools, names, hostPortsOf(spec));
  }
  if (room) checkHostRoom(service.tools, wanted.nodes, room);
  const cluster = Cluster.fromPartial({
    meta: { name, labels, annotations, host: spec.host },
    spec,
    reservation: { endpointName: endpointNameOf(name) },
    status: { state: ClusterState.CLUSTER_STATE_CREATING },
  });
  return { cluster, nodes: wanted.nodes.map((node) => nodeRecord(name, spec.host, node)) };
}

/** As it is created. */
export function nodeRecord(cluster: string, host: string, { id, spec }: PlannedNode): Node {
  const name = `${cluster}/nodes/${id}`;
  return Node.fromPartial({
    meta: { name, host },
    spec,
    reservation: { kubernetesName: containerNameOfNode(name) },
    status: { state: NodeState.NODE_STATE_CREATING },
  });
}

function noSuchHost(host: string): GantryError {
  return failedPrecondition("NO_HOST_FITS", `no cluster service works on host ${host} now`, { host });
}
