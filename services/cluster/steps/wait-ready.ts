import type { V1Node } from "@kubernetes/client-node";
import { PodNetwork } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { nodeView } from "../kubernetes/observations/node-view.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { startTimes } from "../nodes/start-times.ts";
import { aboutNode, needRunning } from "./node-trouble.ts";
import { waitUntil } from "./wait-until.ts";

const READY_TIMEOUT_MS = 240_000;
const INTERVAL_MS = 50;

/** Every node's kubelet says Ready, and means the life that the node is in now. Without a pod network they never do before the user brings one. */
export const waitReady: Step<ClusterContext> = {
  name: "wait-ready",
  timeoutMs: READY_TIMEOUT_MS + 60_000,
  attempts: 3,
  needed: ({ cluster }) => cluster.spec!.networking!.podNetwork !== PodNetwork.POD_NETWORK_NONE,
  do: (ctx) => waitNodesReady(ctx, nodesOfJob(ctx)),
};

export async function waitNodesReady(ctx: ClusterContext, nodes: readonly Node[]): Promise<void> {
  const waiting = new Map(nodes.map((node) => [node.reservation!.kubernetesName, node]));
  const count = waiting.size;
  const lastOne = (): string => containerNameOfNode([...waiting.values()][0]?.meta?.name ?? ctx.nodes[0]!.meta!.name);
  const since = await startTimes(ctx.tools.engine, nodes, ctx.signal);
  await aboutNode(ctx, lastOne, () =>
    waitUntil({
      what: `${count === 1 ? "the node is" : `all ${count} nodes are`} Ready`,
      timeoutMs: READY_TIMEOUT_MS,
      intervalMs: INTERVAL_MS,
      signal: ctx.signal,
      look: async () => {
        await forget(ctx, waiting, since);
        if (waiting.size === 0) return true;
        ctx.progress(-1, `${count - waiting.size} of ${count} nodes Ready`);
        return undefined;
      },
      giveUp: () => {
        for (const { meta } of waiting.values()) needRunning(ctx, containerNameOfNode(meta!.name));
      },
    }),
  );
}

/** Takes those out that are Ready; what a kubelet said in an earlier life of its node does not count. */
async function forget(
  ctx: ClusterContext,
  waiting: Map<string, Node>,
  since: ReadonlyMap<string, number>,
): Promise<void> {
  for await (const { items } of apiOf(ctx).pages<V1Node>("/api/v1/nodes", { signal: ctx.signal })) {
    for (const { name, ready, heartbeat } of items.map(nodeView)) {
      const node = waiting.get(name);
      if (node && ready && (heartbeat?.getTime() ?? 0) >= since.get(node.meta!.uid)!) waiting.delete(name);
    }
  }
}
