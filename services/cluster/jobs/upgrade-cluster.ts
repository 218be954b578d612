import type { Transaction } from "../../common/store/api.ts";
import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { nodeKind } from "../kinds.ts";
import { completeUpgrade } from "../steps/complete-upgrade.ts";
import { observe } from "../steps/observe.ts";
import { pinImages } from "../steps/pin-images.ts";
import { pullImages } from "../steps/pull-images.ts";
import { upgradeNodes } from "../steps/upgrade-nodes.ts";
import { clusterJob, succeedWith } from "./cluster-job.ts";
import type { ClusterContext } from "./context.ts";

/** One node after the other. Where one fails it is put back, and the others are as they were: upgraded or not, as their records say. */
export function upgradeClusterJob(tools: HostTools): Job<ClusterContext> {
  const steps = [pullImages, pinImages, upgradeNodes, completeUpgrade, observe];
  const job = clusterJob({ name: "upgrade-cluster", steps, tools });
  return {
    ...job,
    async succeed(ctx, tx) {
      await unpin(ctx, tx, ctx.parameters.image);
      return succeedWith(ctx, tx);
    },
    async fail(ctx, tx, error) {
      await unpin(ctx, tx, ctx.parameters.previous!.image);
      await job.fail(ctx, tx, error);
    },
  };
}

/** Nodes that have the cluster's own image name none. */
async function unpin(ctx: ClusterContext, tx: Transaction, image: string): Promise<void> {
  for (const { meta } of ctx.nodes) {
    const node = await tx.get(nodeKind, meta!.name);
    if (node?.spec?.image !== image) continue;
    node.spec.image = "";
    tx.put(nodeKind, node);
  }
}
