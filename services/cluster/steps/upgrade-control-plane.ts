import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { initPhase } from "../nodes/commands.ts";
import { runInNode } from "../nodes/run-in-node.ts";

const PARTS = [
  ["etcd", "local"],
  ["control-plane", "apiserver"],
  ["control-plane", "controller-manager"],
  ["control-plane", "scheduler"],
] as const;

/** The control plane of a node as the kubeadm of its new image writes it: on etcd's data as they are, with the cluster's own configuration. */
export async function upgradeControlPlane({ tools, signal }: ClusterContext, { meta }: Node): Promise<void> {
  const container = containerNameOfNode(meta!.name);
  for (const part of PARTS) {
    await runInNode({ engine: tools.engine, container, command: initPhase(...part), signal });
  }
}
