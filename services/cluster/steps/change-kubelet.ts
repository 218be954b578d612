import { isDeepStrictEqual } from "node:util";
import type { V1Node } from "@kubernetes/client-node";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { changeOf, type NodeChange } from "../jobs/update-node.ts";
import { type NodeView, nodeView } from "../kubernetes/observations/node-view.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { limitsDiffer } from "./change-limits.ts";
import { putKubeletFiles } from "./join-nodes.ts";
import { aboutNode } from "./node-trouble.ts";
import { waitUntil } from "./wait-until.ts";

const RESTART_KUBELET = ["systemctl", "restart", "kubelet"];
const READY_TIMEOUT_MS = 120_000;
const INTERVAL_MS = 100;

/** What the node's kubelet is told of its labels, taints and limits. By new limits alone it begins anew; pods run on meanwhile. */
export const changeKubelet: Step<ClusterContext> = {
  name: "change-kubelet",
  timeoutMs: READY_TIMEOUT_MS + 60_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    const change = changeOf(ctx);
    await tell(ctx, change.node, change);
  },
  async undo(ctx) {
    const change = changeOf(ctx);
    await tell(ctx, change.before, change);
  },
};

async function tell(ctx: ClusterContext, node: Node, change: NodeChange): Promise<void> {
  const restarts = limitsDiffer(change);
  if (!restarts && !toldDiffers(change)) return;
  const { engine } = ctx.tools;
  const { signal } = ctx;
  const container = containerNameOfNode(node.meta!.name);
  await aboutNode(ctx, container, async () => {
    await putKubeletFiles(ctx, node);
    if (!restarts) return;
    ctx.progress(-1, "restarting the kubelet with its new limits");
    const before = await heard(ctx, node);
    await runInNode({ engine, container, command: RESTART_KUBELET, signal });
    await waitHeard(ctx, node, before.heartbeat);
  });
}

function toldDiffers({ node: { spec }, before }: NodeChange): boolean {
  return !isDeepStrictEqual([spec!.labels, spec!.taints], [before.spec.labels, before.spec.taints]);
}

/** The kubelet has said anew, with what it knows now, that the node is Ready. */
async function waitHeard(ctx: ClusterContext, node: Node, before: Date | undefined): Promise<void> {
  await waitUntil({
    what: `node ${node.reservation!.kubernetesName} is Ready with its new limits`,
    timeoutMs: READY_TIMEOUT_MS,
    intervalMs: INTERVAL_MS,
    signal: ctx.signal,
    look: async () => {
      const { ready, heartbeat } = await heard(ctx, node);
      return ready && (heartbeat?.getTime() ?? 0) > (before?.getTime() ?? 0) ? true : undefined;
    },
  });
}

async function heard(ctx: ClusterContext, { reservation }: Node): Promise<NodeView> {
  const path = `/api/v1/nodes/${reservation!.kubernetesName}`;
  return nodeView(await apiOf(ctx).get<V1Node>(path, { signal: ctx.signal }));
}
