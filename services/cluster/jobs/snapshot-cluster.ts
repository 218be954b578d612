import { ClusterSnapshotState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { notFound } from "../../common/errors/errors.ts";
import type { Job } from "../../common/jobs/api.ts";
import { responseOf } from "../../common/jobs/response.ts";
import type { HostTools } from "../host-tools.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { captureFolder } from "../snapshots/folders.ts";
import { sizeOfFolder } from "../snapshots/size-of-folder.ts";
import { captureCluster } from "../steps/capture-cluster.ts";
import { observe } from "../steps/observe.ts";
import { succeedWith } from "./cluster-job.ts";
import { type ClusterContext, clusterContext } from "./context.ts";

export function snapshotClusterJob(tools: HostTools): Job<ClusterContext> {
  return {
    name: "snapshot-cluster",
    steps: [captureCluster, observe],
    context: (base) => clusterContext(base, tools),
    async succeed(ctx, tx) {
      await succeedWith(ctx, tx);
      const name = ctx.parameters.snapshot;
      const snapshot = await tx.get(clusterSnapshotKind, name);
      if (!snapshot?.meta || !snapshot.status) throw notFound(name);
      snapshot.status.state = ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_READY;
      snapshot.status.sizeBytes = BigInt(
        await sizeOfFolder(captureFolder(tools.dataDir, snapshot.meta.uid), ctx.signal),
      );
      tx.put(clusterSnapshotKind, snapshot);
      return responseOf(clusterSnapshotKind, snapshot);
    },
    /** Nothing of it is left, and the cluster has nothing to do with it. */
    async fail(ctx, tx) {
      const name = ctx.parameters.snapshot;
      if (await tx.get(clusterSnapshotKind, name)) tx.delete(clusterSnapshotKind, name);
    },
  };
}
