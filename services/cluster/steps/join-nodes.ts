import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { allSettled } from "../../common/jobs/all-settled.ts";
import type { Step } from "../../common/jobs/api.ts";
import { isControlPlane } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { versionOf } from "../jobs/versions.ts";
import { kubeletFiles } from "../kubeadm/kubelet-files.ts";
import { hostFacts, isFirst } from "../nodes/cluster-files.ts";
import { START_KUBELET } from "../nodes/commands.ts";
import { nodeDocuments } from "../nodes/kubeadm-options.ts";
import { putFiles } from "../nodes/put-files.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { completeControlPlane, installAddOns } from "./add-ons.ts";
import { aboutNode } from "./node-trouble.ts";

const TIMEOUT_MS = 300_000;

/** As soon as the API answers, all at once: the workers' kubelets, the rest of the control plane, and what a cluster has in it from the beginning. */
export const joinNodes: Step<ClusterContext> = {
  name: "join-nodes",
  timeoutMs: TIMEOUT_MS,
  attempts: 3,
  async do(ctx) {
    ctx.progress(-1, "starting the kubelets and the rest of the control plane");
    const workers = ctx.nodes.filter((node) => !isControlPlane(node));
    const begun = completeControlPlane(ctx);
    await allSettled([begun, ...workers.map((node) => startKubelet(ctx, node)), installAddOns(ctx, begun)]);
  },
};

/** The kubelet of a node that is registered: what it waited for is its configuration. */
export async function startKubelet(ctx: ClusterContext, node: Node): Promise<void> {
  const { engine } = ctx.tools;
  const container = containerNameOfNode(node.meta!.name);
  await aboutNode(ctx, container, async () => {
    await putKubeletFiles(ctx, node);
    await runInNode({ engine, container, command: START_KUBELET, signal: ctx.signal });
  });
}

/** Its configuration; on a node that has not been started yet, its kubelet then begins by itself. */
export async function putKubeletFiles(ctx: ClusterContext, node: Node): Promise<void> {
  const { cluster, nodes, signal } = ctx;
  const [version, host] = await Promise.all([versionOf(ctx, node), hostFacts()]);
  const facts = { version, host: host.capacity, cgroupV1: host.cgroupV1, token: "", authorityHash: "" };
  const documents = nodeDocuments({ cluster, node, nodes, ...facts });
  const files = kubeletFiles(documents, { version, first: isFirst(node, nodes) });
  await putFiles(ctx.tools.engine, containerNameOfNode(node.meta!.name), files, signal);
}
