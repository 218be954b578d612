import { rm } from "node:fs/promises";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { type ClusterContext, nodesOf } from "../jobs/context.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { capture } from "../snapshots/capture.ts";
import { captureFolder } from "../snapshots/folders.ts";
import { letRun } from "../snapshots/stand-still.ts";
import { checkSnapshotFiles } from "./check-snapshot.ts";

const HOUR_MS = 3_600_000;

/** The state of the cluster that is forked; where it comes from a snapshot, that it is all there and finds room. */
export const captureSource: Step<ClusterContext> = {
  name: "capture-source",
  timeoutMs: HOUR_MS,
  attempts: 5,
  async do(ctx) {
    const { source, snapshot } = ctx.parameters;
    if (snapshot !== "") return checkSnapshotFiles(ctx, snapshot, 0);
    const { engine, standing } = ctx.tools;
    const { signal, progress } = ctx;
    const nodes = await nodesOf(ctx.store, source);
    if (nodes.length !== ctx.nodes.length || !nodes.every((node) => isForked(ctx, node))) {
      throw failedPrecondition("SOURCE_CHANGED", `${source} has other nodes than when its fork was asked for`);
    }
    standing.add(source);
    try {
      const folder = captureFolder(ctx.tools.dataDir, ctx.uid);
      const { pausedMs } = await capture({ engine, nodes, folder, forNodes: true, signal, progress });
      ctx.log.info({ source, pausedMs: Math.round(pausedMs) }, "source captured");
    } finally {
      standing.delete(source);
    }
  },
  async undo(ctx) {
    const { source, snapshot } = ctx.parameters;
    if (snapshot === "") {
      const nodes = await nodesOf(ctx.store, source);
      const containers = nodes.map(({ meta }) => containerNameOfNode(meta!.name));
      await letRun(ctx.tools.engine, containers);
    }
    await removeCapture(ctx);
  },
};

function isForked({ nodes }: ClusterContext, { reservation }: Node): boolean {
  return nodes.some((node) => node.reservation!.kubernetesName === reservation?.kubernetesName);
}

/** What only the making of a fork needs. */
export const clearCapture: Step<ClusterContext> = {
  name: "clear-capture",
  timeoutMs: 60_000,
  attempts: 3,
  do: removeCapture,
};

async function removeCapture({ tools, uid }: ClusterContext): Promise<void> {
  await rm(captureFolder(tools.dataDir, uid), { recursive: true, force: true });
}

/** Where the state that the job works from is: its own capture, or the snapshot it names. */
export async function sourceFolder({ store, tools, uid, parameters }: ClusterContext): Promise<string> {
  if (parameters.snapshot === "") return captureFolder(tools.dataDir, uid);
  const { meta } = await store.need(clusterSnapshotKind, parameters.snapshot);
  return captureFolder(tools.dataDir, meta!.uid);
}
