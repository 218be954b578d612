import { isDeepStrictEqual } from "node:util";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { inspectContainer } from "../../common/engine/api/containers.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerMounts } from "../clusters/given-mounts.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { type ClusterContext, updateNode } from "../jobs/context.ts";
import { changeOf } from "../jobs/update-node.ts";
import { FOLDER_IN_NODE } from "../node-mounts/node-script.ts";
import { giveToNode, mountInNode, putMountFiles } from "./give-mounts.ts";
import { reserveMounts } from "./reserve-mounts.ts";

/** Folders of the host as the spec has them now, in the node that runs and at each of its later starts. */
export const changeMounts: Step<ClusterContext> = {
  name: "change-mounts",
  timeoutMs: 60_000,
  attempts: 5,
  async do(ctx) {
    const { node, before } = changeOf(ctx);
    if (isDeepStrictEqual(node.spec!.mounts, before.spec.mounts)) return;
    ctx.progress(-1, "mounting the host's folders in the node");
    await needFolder(ctx, node);
    await reserveMounts(ctx, containerMounts(before));
    await bring(ctx, changeOf(ctx).node);
  },
  async undo(ctx) {
    const { node, before } = changeOf(ctx);
    const { mounts } = before.reservation!;
    if (isDeepStrictEqual(node.reservation!.mounts, mounts)) return;
    await updateNode(ctx, node.meta!.name, (record) => void (record.reservation!.mounts = mounts), { durable: true });
    await bring(ctx, before);
  },
};

async function bring(ctx: ClusterContext, node: Node): Promise<void> {
  await giveToNode(ctx, node);
  await putMountFiles(ctx, node);
  await mountInNode(ctx, node);
  await ctx.tools.nodeFolders.keepOnly(node.meta!.uid, node.reservation!.mounts, ctx.signal);
}

/** A container that was made without the folder gets it when it is made anew. */
async function needFolder({ tools, signal }: ClusterContext, { meta }: Node): Promise<void> {
  const container = containerNameOfNode(meta!.name);
  const { Mounts } = await inspectContainer(tools.engine, container, { signal });
  if (Mounts.some(({ Destination }) => Destination === FOLDER_IN_NODE)) return;
  const text = `node ${container} was made when its host could not give it mounts while it runs: add a node, and remove this one`;
  throw failedPrecondition("NO_MOUNT_FOLDER", text, { container });
}
