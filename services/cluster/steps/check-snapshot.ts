import { access } from "node:fs/promises";
import { findImage } from "../../common/engine/api/images.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { imageIdOf } from "../snapshots/bring-back.ts";
import { captureFolder, nodeFolder } from "../snapshots/folders.ts";

/** Everything that putting a cluster back needs is there. */
export const checkSnapshot: Step<ClusterContext> = {
  name: "check-snapshot",
  timeoutMs: 60_000,
  attempts: 3,
  async do(ctx) {
    const { meta, status } = await ctx.store.need(clusterSnapshotKind, ctx.parameters.snapshot);
    const folder = captureFolder(ctx.tools.dataDir, meta!.uid);
    const missing: string[] = [];
    for (const node of status!.nodes) {
      const from = nodeFolder(folder, node);
      const files = [from.base, from.delta, from.image, ...from.roots.map(({ archive }) => archive)];
      for (const file of files) if (!(await isThere(file))) missing.push(`file ${file}`);
      if (missing.length > 0) continue;
      const image = await imageIdOf(from);
      if (!(await findImage(ctx.tools.engine, image, { signal: ctx.signal }))) missing.push(`node image ${image}`);
    }
    if (missing.length === 0) return;
    const text = `${meta!.name} cannot be used: ${[...new Set(missing)].join(", ")} of host ${ctx.tools.host} is missing`;
    throw failedPrecondition("SNAPSHOT_INCOMPLETE", text, { name: meta!.name });
  },
};

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
