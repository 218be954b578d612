import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { GantryError } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { DRAIN_TIMEOUT } from "../clusters/drain-timeout.ts";
import { DRAIN_TIMEOUT_MS_MAX } from "../clusters/limits.ts";
import { cordon, uncordon } from "../drain/cordon.ts";
import { drain } from "../drain/drain.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";

/** The pods of the nodes that go, to others, as long as their budgets and the drain's limit allow. */
export const drainNodes: Step<ClusterContext> = {
  name: "drain-nodes",
  timeoutMs: DRAIN_TIMEOUT_MS_MAX + 60_000,
  attempts: 3,
  async do(ctx) {
    for (const node of nodesOfJob(ctx)) {
      try {
        await drainNode(ctx, node);
      } catch (error) {
        ctx.signal.throwIfAborted();
        if (!ctx.parameters.force || !(error instanceof GantryError)) throw error;
        ctx.log.warn({ err: error, node: node.meta!.name }, "not drained: going on as asked");
      }
    }
  },
  async undo(ctx) {
    for (const node of nodesOfJob(ctx)) await allowPods(ctx, node);
  },
};

export async function drainNode(ctx: ClusterContext, { reservation }: Node): Promise<void> {
  const { signal, parameters } = ctx;
  const { seconds, nanos } = parameters.drainTimeout ?? DRAIN_TIMEOUT;
  const node = reservation!.kubernetesName;
  const api = apiOf(ctx);
  if (!(await cordon(api, node, operationName(ctx), signal))) return;
  const timeoutMs = Number(seconds) * 1_000 + nanos / 1e6;
  await drain({ api, node, timeoutMs, signal, progress: (text) => ctx.progress(-1, text) });
}

export async function allowPods(ctx: ClusterContext, { reservation }: Node): Promise<void> {
  await uncordon(apiOf(ctx), reservation!.kubernetesName, operationName(ctx), ctx.signal);
}

function operationName({ operation }: ClusterContext): string {
  return operation.operation!.name;
}
