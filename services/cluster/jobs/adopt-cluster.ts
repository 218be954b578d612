import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { observe } from "../steps/observe.ts";
import { succeedWith } from "./cluster-job.ts";
import { type ClusterContext, clusterContext, ownCluster } from "./context.ts";

/** The records are there already, as the containers showed it: what is left is to see how the cluster does. */
export function adoptClusterJob(tools: HostTools): Job<ClusterContext> {
  return {
    name: "adopt-cluster",
    steps: [observe],
    context: (base) => clusterContext(base, tools),
    succeed: succeedWith,
    /** Nothing was done to the cluster: it is kind's as before. */
    async fail(ctx, tx) {
      if (!(await ownCluster(ctx, tx))) return;
      ctx.tools.kubernetes.forget(ctx.uid);
      for (const { meta } of ctx.nodes) if (await tx.get(nodeKind, meta!.name)) tx.delete(nodeKind, meta!.name);
      tx.delete(clusterKind, ctx.name);
    },
  };
}
