import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Step } from "../../common/jobs/api.ts";
import { hostPowers } from "../clusters/host-powers.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { MOUNT_FILES, MOUNT_NOW } from "../node-mounts/node-script.ts";
import { putFiles } from "../nodes/put-files.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { aboutNode } from "./node-trouble.ts";

/** The host's part of the nodes' mounts, before they start: it does not outlive the host's own end. */
export const giveMounts: Step<ClusterContext> = {
  name: "give-mounts",
  timeoutMs: 60_000,
  attempts: 5,
  needed: ({ cluster }) => !cluster.status?.adopted,
  async do(ctx) {
    await Promise.all(nodesOfJob(ctx).map((node) => giveToNode(ctx, node)));
  },
};

/** Undefined where mounts are not this process's to make; else the folder of the host that the node's container is to have. */
export async function giveToNode(
  { tools, signal }: ClusterContext,
  { meta, reservation }: Node,
): Promise<string | undefined> {
  if (!(await hostPowers()).mounts) return undefined;
  await tools.nodeFolders.give(meta!.uid, reservation!.mounts, signal);
  return tools.nodeFolders.of(meta!.uid);
}

/** What a node brings them to their places with, also when it is started by the engine alone. */
export async function putMountFiles({ tools, signal }: ClusterContext, { meta }: Node): Promise<void> {
  await putFiles(tools.engine, containerNameOfNode(meta!.name), MOUNT_FILES, signal);
}

/** In a node that runs. */
export async function mountInNode(ctx: ClusterContext, { meta }: Node): Promise<void> {
  const { engine } = ctx.tools;
  const container = containerNameOfNode(meta!.name);
  await aboutNode(ctx, container, () => runInNode({ engine, container, command: MOUNT_NOW, signal: ctx.signal }));
}
