import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { putKubeletFiles } from "./join-nodes.ts";
import { registerNodes } from "./register-nodes.ts";
import { writePodRoutes } from "./write-pod-routes.ts";

/** Before they start: Kubernetes knows them, the other nodes know the way to their pods, and their kubelets begin by themselves. */
export const joinAddedNodes: Step<ClusterContext> = {
  name: "join-added-nodes",
  timeoutMs: 120_000,
  attempts: 3,
  async do(ctx) {
    ctx.progress(-1, "joining");
    const added = nodesOfJob(ctx);
    const present = ctx.nodes.filter((node) => !added.includes(node));
    const files = added.map((node: Node) => putKubeletFiles(ctx, node));
    await Promise.all([registerNodes(ctx, added), writePodRoutes(ctx, present, ctx.nodes), ...files]);
  },
};
