import { type Cluster, ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Transaction } from "../../common/store/api.ts";
import { nodeKind } from "../kinds.ts";

/** Writes into the record (which the caller puts) and its nodes' that the cluster is being deleted. */
export async function markDeleted(tx: Transaction, cluster: Cluster, nodes: readonly Node[]): Promise<void> {
  cluster.meta!.deleteTime ??= tx.now;
  if (cluster.status) cluster.status.state = ClusterState.CLUSTER_STATE_DELETING;
  for (const { meta } of nodes) {
    const node = await tx.get(nodeKind, meta!.name);
    if (!node) continue;
    node.meta!.deleteTime ??= tx.now;
    if (node.status) node.status.state = NodeState.NODE_STATE_DELETING;
    tx.put(nodeKind, node);
  }
}
