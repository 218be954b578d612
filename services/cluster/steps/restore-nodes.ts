import { type ClusterSnapshot, ClusterSpec } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node, NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { allSettled } from "../../common/jobs/all-settled.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { compareNodes } from "../clusters/node-order.ts";
import { type ClusterContext, ownCluster } from "../jobs/context.ts";
import { notFound } from "../../common/errors/errors.ts";
import { clusterKind, clusterSnapshotKind, nodeKind } from "../kinds.ts";
import { bringBack, imageIdOf } from "../snapshots/bring-back.ts";
import { captureFolder, nodeFolder } from "../snapshots/folders.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { createContainerOf, removeNodesOfJob } from "./create-nodes.ts";

const HOUR_MS = 3_600_000;

/** The cluster's nodes, and their records, as the snapshot has them. What came since is lost. A run that was broken off is begun again. */
export const restoreNodes: Step<ClusterContext> = {
  name: "restore-nodes",
  timeoutMs: HOUR_MS,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    ctx.progress(-1, "putting the nodes back");
    const snapshot = await ctx.store.need(clusterSnapshotKind, ctx.parameters.snapshot);
    const { dataDir, kubernetes } = ctx.tools;
    await removeNodesOfJob(ctx);
    await restoreRecords(ctx, snapshot);
    kubernetes.forget(ctx.uid);
    const folder = captureFolder(dataDir, snapshot.meta!.uid);
    await allSettled(ctx.nodes.map((node) => restoreNode(ctx, node, folder)));
  },
};

async function restoreNode(ctx: ClusterContext, node: Node, folder: string): Promise<void> {
  const from = nodeFolder(folder, node);
  await createContainerOf(ctx, node, await imageIdOf(from));
  const container = containerNameOfNode(node.meta!.name);
  await bringBack({ engine: ctx.tools.engine, container, from, without: () => false, signal: ctx.signal });
}

/** Nodes that came later go, those that have gone come again. */
async function restoreRecords(ctx: ClusterContext, { status }: ClusterSnapshot): Promise<void> {
  const wanted = new Map(status!.nodes.map((node) => [node.meta!.name, node]));
  const written = await ctx.store.transact(
    async (tx) => {
      const cluster = await ownCluster(ctx, tx);
      if (!cluster?.spec) throw notFound(ctx.name);
      // All else in a spec never changes.
      cluster.spec.image = ClusterSpec.fromPartial(status!.clusterSpec ?? {}).image;
      tx.put(clusterKind, cluster);
      for (const { meta } of ctx.nodes) {
        if (!wanted.has(meta!.name) && (await tx.get(nodeKind, meta!.name))) tx.delete(nodeKind, meta!.name);
      }
      const nodes: Node[] = [];
      for (const { meta, spec, reservation } of wanted.values()) {
        const { name, host, labels, annotations } = meta!;
        const present = await tx.get(nodeKind, name);
        const node =
          present ??
          Node.fromPartial({
            meta: { name, host, labels, annotations },
            status: { state: NodeState.NODE_STATE_CREATING },
          });
        Object.assign(node, { spec, reservation });
        if (present) tx.put(nodeKind, node);
        else tx.create(nodeKind, node);
        nodes.push(node);
      }
      return { cluster, nodes };
    },
    { fence: ctx.fence, durable: true },
  );
  const { clusters, nodes } = ctx.tools.catalog;
  ctx.cluster = written.cluster;
  ctx.nodes = written.nodes.toSorted(compareNodes);
  clusters.note(ctx.cluster);
  for (const node of ctx.nodes) nodes.note(node);
}
