import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { createAddedNodes } from "../steps/create-added-nodes.ts";
import { joinAddedNodes } from "../steps/join-added-nodes.ts";
import { joinControlPlanes } from "../steps/join-control-planes.ts";
import { observe } from "../steps/observe.ts";
import { openPorts } from "../steps/open-ports.ts";
import { pullImages } from "../steps/pull-images.ts";
import { reserve } from "../steps/reserve.ts";
import { showStaticPods } from "../steps/show-static-pods.ts";
import { startNodes } from "../steps/start-nodes.ts";
import { waitControlPlanes } from "../steps/wait-control-planes.ts";
import { waitReady } from "../steps/wait-ready.ts";
import { succeedWith, writeFailure, writeStatus } from "./cluster-job.ts";
import { type ClusterContext, clusterContext, ownCluster } from "./context.ts";
import { nodesOfJob } from "./nodes-of-job.ts";

export function addNodesJob(tools: HostTools): Job<ClusterContext> {
  return {
    name: "add-nodes",
    steps: [
      pullImages,
      reserve,
      createAddedNodes,
      joinAddedNodes,
      startNodes,
      openPorts,
      joinControlPlanes,
      waitControlPlanes,
      waitReady,
      showStaticPods,
      observe,
    ],
    context: (base) => clusterContext(base, tools),
    succeed: succeedWith,
    /** The cluster is as it was: records of what was to be added go too, unless they are kept for inspection. */
    async fail(ctx, tx, error) {
      const { retain, cancelRequested } = ctx.operation;
      if (!retain || cancelRequested) {
        for (const { meta } of nodesOfJob(ctx)) {
          const node = await tx.get(nodeKind, meta!.name);
          if (node?.meta?.uid === meta!.uid) tx.delete(nodeKind, meta!.name);
        }
        const added = new Set(ctx.parameters.nodes);
        ctx.nodes = ctx.nodes.filter(({ meta }) => !added.has(meta!.name));
      }
      const cluster = await ownCluster(ctx, tx);
      if (!cluster) return;
      await writeStatus(ctx, tx, cluster);
      writeFailure(cluster, error, tx.now);
      tx.put(clusterKind, cluster);
    },
  };
}
