import { type Cluster, ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import { type Node, NodeRole, NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { RemoveNodeRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { Violations } from "../../common/names/violations.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { checkDrainTimeout, DRAIN_TIMEOUT } from "../clusters/drain-timeout.ts";
import { clusterOfNode, NODE } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodesOf } from "../jobs/context.ts";
import { nodeKind } from "../kinds.ts";
import { needState, submitVerb } from "./cluster-verb.ts";

const STATES = [ClusterState.CLUSTER_STATE_RUNNING, ClusterState.CLUSTER_STATE_DEGRADED];

export function removeNode(service: ClusterServiceContext) {
  return unary<RemoveNodeRequest, Operation>({
    access: ({ name }) => onName(NODE, name, "editor"),
    handler({ name, etag, requestId, drainTimeout = DRAIN_TIMEOUT, force }, call) {
      const found = new Violations();
      checkRequestId(found, requestId);
      checkDrainTimeout(found, drainTimeout, "drain_timeout");
      found.throwIfAny();
      return submitVerb(service, call, {
        job: "remove-node",
        verb: "removeNode",
        name: clusterOfNode(name),
        requestId,
        parameters: ClusterJob.fromPartial({ nodes: [name], drainTimeout, force }),
        async change(cluster: Cluster, tx) {
          const node = await tx.need(nodeKind, name);
          checkEtag(name, etag, node.meta!.etag);
          needState(cluster, "removing a node", STATES, "running");
          checkRemovable(node, await nodesOf(service.store, clusterOfNode(name)));
          node.meta!.deleteTime ??= tx.now;
          node.status!.state = NodeState.NODE_STATE_DELETING;
          tx.put(nodeKind, node);
        },
      });
    },
  });
}

/** FAILED_PRECONDITION for the last control plane, and where etcd would lose its majority. */
export function checkRemovable(node: Node, nodes: readonly Node[]): void {
  const { name } = node.meta!;
  if (node.spec?.role !== NodeRole.NODE_ROLE_CONTROL_PLANE) return;
  const members = nodes.filter(({ spec }) => spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE);
  if (members.length < 2) throw failedPrecondition("LAST_CONTROL_PLANE", `${name} is the last control plane`, { name });
  const works = ({ status }: Node): boolean => status?.state === NodeState.NODE_STATE_READY;
  const working = members.filter(works).length;
  const workingAfter = members.filter((each) => each.meta!.name !== name && works(each)).length;
  // Its removal is agreed on by those that are there now, and what is left must be able to go on.
  if (working >= majorityOf(members.length) && workingAfter >= majorityOf(members.length - 1)) return;
  const text = `etcd would lose its majority without ${name}: ${workingAfter} of the ${members.length - 1} other control planes are ready`;
  throw failedPrecondition("ETCD_MAJORITY", text, { name });
}

function majorityOf(members: number): number {
  return Math.floor(members / 2) + 1;
}
