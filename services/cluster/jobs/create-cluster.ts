import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { beginControlPlane } from "../steps/begin-control-plane.ts";
import { createNetworkStep } from "../steps/create-network.ts";
import { createNodes } from "../steps/create-nodes.ts";
import { joinNodes } from "../steps/join-nodes.ts";
import { openApiAddress } from "../steps/open-api-address.ts";
import { openPorts } from "../steps/open-ports.ts";
import { observe } from "../steps/observe.ts";
import { pullImages } from "../steps/pull-images.ts";
import { reserve } from "../steps/reserve.ts";
import { showStaticPods } from "../steps/show-static-pods.ts";
import { startNodes } from "../steps/start-nodes.ts";
import { waitControlPlanes } from "../steps/wait-control-planes.ts";
import { waitReady } from "../steps/wait-ready.ts";
import { succeedWith, writeFailure, writeStatus } from "./cluster-job.ts";
import { type ClusterContext, clusterContext, ownCluster } from "./context.ts";

export function createClusterJob(tools: HostTools): Job<ClusterContext> {
  return {
    name: "create-cluster",
    steps: [
      pullImages,
      reserve,
      createNetworkStep,
      openApiAddress,
      createNodes,
      startNodes,
      openPorts,
      beginControlPlane,
      joinNodes,
      waitControlPlanes,
      waitReady,
      showStaticPods,
      observe,
    ],
    context: (base) => clusterContext(base, tools),
    succeed: succeedWith,
    /** Nothing of it is left: the records go too, unless it is kept for inspection or a delete is on its way. */
    async fail(ctx, tx, error) {
      const cluster = await ownCluster(ctx, tx);
      if (!cluster) return;
      const { retain, cancelRequested } = ctx.operation;
      if (!retain || cancelRequested) {
        ctx.tools.kubernetes.forget(ctx.uid);
        for (const { meta } of ctx.nodes) if (await tx.get(nodeKind, meta!.name)) tx.delete(nodeKind, meta!.name);
        return tx.delete(clusterKind, ctx.name);
      }
      await writeStatus(ctx, tx, cluster);
      writeFailure(cluster, error, tx.now);
      cluster.status!.state = ClusterState.CLUSTER_STATE_FAILED;
      tx.put(clusterKind, cluster);
    },
  };
}
