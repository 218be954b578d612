import { stat } from "node:fs/promises";
import { findContainer } from "../../common/engine/api/containers.ts";
import { findImage } from "../../common/engine/api/images.ts";
import { engineInfo } from "../../common/engine/api/info.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { imageIdOf } from "../snapshots/bring-back.ts";
import { checkSpace } from "../snapshots/check-space.ts";
import { archivesOf, captureFolder, nodeFolder } from "../snapshots/folders.ts";
import { sizeOfFolder } from "../snapshots/size-of-folder.ts";
import { varFolderOf } from "../snapshots/var-folder.ts";

/** Everything that putting a cluster back needs is there, and finds room once its nodes as they are now have gone. */
export const checkSnapshot: Step<ClusterContext> = {
  name: "check-snapshot",
  timeoutMs: 10 * 60_000,
  attempts: 3,
  do: async (ctx) => checkSnapshotFiles(ctx, ctx.parameters.snapshot, await bytesOfNodes(ctx)),
};

/**
 * FAILED_PRECONDITION SNAPSHOT_INCOMPLETE where a file or a node image is missing, DISK_FULL where the engine's disk has no room for the nodes.
 * `freed`: bytes of that disk that go before.
 */
export async function checkSnapshotFiles(ctx: ClusterContext, snapshot: string, freed: number): Promise<void> {
  const { engine, dataDir, host } = ctx.tools;
  const { signal } = ctx;
  const { meta, status } = await ctx.store.need(clusterSnapshotKind, snapshot);
  const folder = captureFolder(dataDir, meta!.uid);
  const missing = new Set<string>();
  let bytes = 0;
  for (const node of status!.nodes) {
    const from = nodeFolder(folder, node);
    const sizes = await Promise.all([from.image, ...archivesOf(from)].map((path) => sizeOf(path, missing)));
    bytes += sizes.reduce((a, b) => a + b, 0);
    if (missing.size > 0) continue;
    const image = await imageIdOf(from);
    if (!(await findImage(engine, image, { signal }))) missing.add(`node image ${image}`);
  }
  if (missing.size > 0) {
    const text = `${snapshot} cannot be used: ${[...missing].join(", ")} of host ${host} is missing`;
    throw failedPrecondition("SNAPSHOT_INCOMPLETE", text, { name: snapshot });
  }
  const { DockerRootDir } = await engineInfo(engine, { signal });
  await checkSpace([{ folder: DockerRootDir, bytes: bytes - freed }]);
}

/** 0 for one that is missing. */
async function sizeOf(path: string, missing: Set<string>): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    missing.add(`file ${path}`);
    return 0;
  }
}

async function bytesOfNodes({ tools: { engine }, nodes, signal }: ClusterContext): Promise<number> {
  let bytes = 0;
  for (const { meta } of nodes) {
    const found = await findContainer(engine, containerNameOfNode(meta!.name), { signal });
    if (found) bytes += await sizeOfFolder(await varFolderOf(found), signal);
  }
  return bytes;
}
