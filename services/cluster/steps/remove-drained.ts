import { GantryError } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { removeNodesOfJob } from "./create-nodes.ts";
import { forgetNodes } from "./forget-nodes.ts";
import { writePodRoutes } from "./write-pod-routes.ts";

/** Containers first: a kubelet that runs would make its node known again. From here on there is no way back, only on. */
export const removeDrained: Step<ClusterContext> = {
  name: "remove-drained",
  timeoutMs: 180_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    ctx.progress(-1, "removing");
    const gone = nodesOfJob(ctx);
    const staying = ctx.nodes.filter((node) => !gone.includes(node));
    await removeNodesOfJob(ctx);
    try {
      await forgetNodes(ctx, gone);
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (!ctx.parameters.force || !(error instanceof GantryError)) throw error;
      ctx.log.warn({ err: error }, "nodes left in Kubernetes: going on as asked");
    }
    await writePodRoutes(ctx, staying, staying);
  },
};
