import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { forgetNodes } from "./forget-nodes.ts";
import { leaveEtcd } from "./leave-control-plane.ts";

/**
 * Nothing of the old nodes is left in etcd and Kubernetes: a member without its data must not come back as the one it was, and what ran on
 * the node has ended.
 */
export const forgetLostNodes: Step<ClusterContext> = {
  name: "forget-lost-nodes",
  timeoutMs: 120_000,
  attempts: 5,
  async do(ctx) {
    const lost = nodesOfJob(ctx);
    await leaveEtcd(ctx, lost);
    await forgetNodes(ctx, lost);
  },
};
