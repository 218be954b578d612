import { rm } from "node:fs/promises";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { capture } from "../snapshots/capture.ts";
import { captureFolder } from "../snapshots/folders.ts";
import { letRun } from "../snapshots/stand-still.ts";

const HOUR_MS = 3_600_000;

export const captureCluster: Step<ClusterContext> = {
  name: "capture-cluster",
  timeoutMs: HOUR_MS,
  attempts: 5,
  async do(ctx) {
    const { meta } = await ctx.store.need(clusterSnapshotKind, ctx.parameters.snapshot);
    const { engine, dataDir } = ctx.tools;
    const folder = captureFolder(dataDir, meta!.uid);
    const { nodes, signal, progress } = ctx;
    const { pausedMs } = await capture({ engine, nodes, folder, forNodes: false, signal, progress });
    ctx.log.info({ pausedMs: Math.round(pausedMs) }, "captured");
  },
  async undo(ctx) {
    const containers = ctx.nodes.map(({ meta }) => containerNameOfNode(meta!.name));
    await letRun(ctx.tools.engine, containers);
    const snapshot = await ctx.store.get(clusterSnapshotKind, ctx.parameters.snapshot);
    if (!snapshot?.meta) return;
    await rm(captureFolder(ctx.tools.dataDir, snapshot.meta.uid), { recursive: true, force: true });
  },
};
