import { type Node, NodeReservation, type NodeSpec } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Job } from "../../common/jobs/api.ts";
import { responseOf } from "../../common/jobs/response.ts";
import type { HostTools } from "../host-tools.ts";
import { nodeKind } from "../kinds.ts";
import { changeKubelet } from "../steps/change-kubelet.ts";
import { changeLabels } from "../steps/change-labels.ts";
import { changeLimits } from "../steps/change-limits.ts";
import { changeMounts } from "../steps/change-mounts.ts";
import { changePorts } from "../steps/change-ports.ts";
import { observe } from "../steps/observe.ts";
import { clusterJob } from "./cluster-job.ts";
import type { ClusterContext } from "./context.ts";

/** A node is brought to its new spec while it runs. What cannot be done is undone, and its spec is the former one again. */
export function updateNodeJob(tools: HostTools): Job<ClusterContext> {
  const steps = [changeLimits, changeLabels, changeKubelet, changeMounts, changePorts, observe];
  const job = clusterJob({ name: "update-node", steps, tools });
  return {
    ...job,
    async succeed(ctx, tx) {
      await job.succeed(ctx, tx);
      return responseOf(nodeKind, await tx.need(nodeKind, changeOf(ctx).node.meta!.name));
    },
    async fail(ctx, tx, error) {
      const { node, before } = changeOf(ctx);
      const record = await tx.get(nodeKind, node.meta!.name);
      if (record?.meta?.uid === node.meta!.uid) {
        record.spec = before.spec;
        record.reservation = before.reservation;
        tx.put(nodeKind, record);
      }
      await job.fail(ctx, tx, error);
    },
  };
}

export interface NodeChange {
  /** As it is to be. */
  node: Node;
  /** As it was: another spec, other ports and mounts reserved, all else the same. */
  before: Node & { spec: NodeSpec };
}

/** What an update of a node is about. */
export function changeOf({ nodes, parameters }: ClusterContext): NodeChange {
  const [was] = parameters.previousNodes;
  const node = nodes.find(({ meta }) => meta!.name === was?.meta!.name);
  if (!node || !was?.spec) throw new Error("the job names no node that it changes");
  const { ports, mounts } = NodeReservation.fromPartial(was.reservation ?? {});
  const reservation = { ...node.reservation!, ports, mounts };
  return { node, before: { ...node, spec: was.spec, reservation } };
}
