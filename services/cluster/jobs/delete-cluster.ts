import { Empty } from "../../../proto/gen/google/protobuf/empty.ts";
import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { removeApiAddressStep } from "../steps/open-api-address.ts";
import { closePorts } from "../steps/open-ports.ts";
import { clearCapture } from "../steps/capture-source.ts";
import { removeNetworkStep, removeNodes } from "../steps/remove-nodes.ts";
import { writeFailure, writeStatus } from "./cluster-job.ts";
import { type ClusterContext, clusterContext, ownCluster } from "./context.ts";

export function deleteClusterJob(tools: HostTools): Job<ClusterContext> {
  return {
    name: "delete-cluster",
    steps: [removeNodes, removeApiAddressStep, closePorts, removeNetworkStep, clearCapture],
    context: (base) => clusterContext(base, tools),
    async succeed(ctx, tx) {
      if (await ownCluster(ctx, tx)) {
        for (const { meta } of ctx.nodes) if (await tx.get(nodeKind, meta!.name)) tx.delete(nodeKind, meta!.name);
        tx.delete(clusterKind, ctx.name);
      }
      return { typeUrl: "type.googleapis.com/google.protobuf.Empty", value: Buffer.from(Empty.encode({}).finish()) };
    },
    /** The records stay, with the reason: the delete can be asked for again. */
    async fail(ctx, tx, error) {
      const cluster = await ownCluster(ctx, tx);
      if (!cluster?.meta) return;
      cluster.meta.deleteTime = undefined;
      await writeStatus(ctx, tx, cluster);
      writeFailure(cluster, error, tx.now);
      tx.put(clusterKind, cluster);
    },
  };
}
