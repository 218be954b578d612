import { allSettled } from "../../common/jobs/all-settled.ts";
import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { authoritiesOf } from "../nodes/read-authorities.ts";
import { newBootstrapToken } from "../nodes/token.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { createNode, removeNodesOfJob } from "./create-nodes.ts";
import { forgetNodes } from "./forget-nodes.ts";
import { leaveControlPlane } from "./leave-control-plane.ts";
import { writePodRoutes } from "./write-pod-routes.ts";

/** Its turn may be far off when very many are made at once. */
const STEP_TIMEOUT_MS = 30 * 60_000;

/** Containers of nodes that a cluster gets, signed for by its own authorities. A run that was broken off is begun again from nothing. */
export const createAddedNodes: Step<ClusterContext> = {
  name: "create-added-nodes",
  timeoutMs: STEP_TIMEOUT_MS,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    await removeNodesOfJob(ctx);
    const added = nodesOfJob(ctx);
    ctx.progress(-1, `making ${added.length} ${added.length === 1 ? "node" : "nodes"}`);
    const present = ctx.nodes.filter((node) => !added.includes(node));
    const authorities = authoritiesOf(ctx.tools.engine, present, ctx.signal);
    // kubeadm's file for them names one; nobody joins by it.
    const token = newBootstrapToken();
    await allSettled(added.map((node) => createNode(ctx, node, token, authorities)));
  },
  /** All that the later steps did for them too: first what would come back by itself as long as they run. */
  async undo(ctx) {
    await removeNodesOfJob(ctx);
    const added = nodesOfJob(ctx);
    await leaveControlPlane(ctx, added);
    await forgetNodes(ctx, added);
    const present = ctx.nodes.filter((node) => !added.includes(node));
    await writePodRoutes(ctx, present, present);
  },
};
