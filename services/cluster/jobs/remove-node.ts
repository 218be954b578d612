import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { drainNodes } from "../steps/drain-nodes.ts";
import { leaveControlPlaneStep } from "../steps/leave-control-plane.ts";
import { observe } from "../steps/observe.ts";
import { removeDrained } from "../steps/remove-drained.ts";
import { succeedWith, writeFailure, writeStatus } from "./cluster-job.ts";
import { type ClusterContext, clusterContext, ownCluster } from "./context.ts";

export function removeNodeJob(tools: HostTools): Job<ClusterContext> {
  return {
    name: "remove-node",
    steps: [drainNodes, leaveControlPlaneStep, removeDrained, observe],
    context: (base) => clusterContext(base, tools),
    async succeed(ctx, tx) {
      const gone = new Set(ctx.parameters.nodes);
      for (const name of gone) if (await tx.get(nodeKind, name)) tx.delete(nodeKind, name);
      ctx.nodes = ctx.nodes.filter(({ meta }) => !gone.has(meta!.name));
      return succeedWith(ctx, tx);
    },
    /** The record stays, with how the node is: the removal can be asked for again. */
    async fail(ctx, tx, error) {
      const cluster = await ownCluster(ctx, tx);
      if (!cluster) return;
      for (const name of ctx.parameters.nodes) {
        const node = await tx.get(nodeKind, name);
        if (!node?.meta) continue;
        node.meta.deleteTime = undefined;
        tx.put(nodeKind, node);
      }
      await writeStatus(ctx, tx, cluster);
      writeFailure(cluster, error, tx.now);
      tx.put(clusterKind, cluster);
    },
  };
}
