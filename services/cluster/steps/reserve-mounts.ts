import { isDeepStrictEqual } from "node:util";
import type { NodeMount } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { isKernelMount, isSameMount } from "../clusters/given-mounts.ts";
import { hostPowers } from "../clusters/host-powers.ts";
import { type ClusterContext, updateNode } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";

/** Which mounts of the nodes of the job the host's kernel gives them, in the records before any is there. `own`: of a node's container. */
export async function reserveMounts(ctx: ClusterContext, own: readonly NodeMount[] = []): Promise<void> {
  const powers = await hostPowers();
  for (const { meta, spec, reservation } of nodesOfJob(ctx)) {
    const isOurs = (mount: NodeMount): boolean => isKernelMount(mount) && !own.some((each) => isSameMount(each, mount));
    const mounts = powers.mounts ? spec!.mounts.filter(isOurs) : [];
    if (isDeepStrictEqual(mounts, reservation!.mounts)) continue;
    await updateNode(ctx, meta!.name, (node) => void (node.reservation!.mounts = mounts), { durable: true });
  }
}
