import type { V1Node } from "@kubernetes/client-node";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { versionOf } from "../jobs/versions.ts";
import { isKubernetesStatus } from "../kubernetes/errors.ts";
import { hostFacts, isFirst } from "../nodes/cluster-files.ts";
import { nodeDocuments } from "../nodes/kubeadm-options.ts";
import { nodeObject } from "../nodes/node-object.ts";
import { waitUntil } from "./wait-until.ts";

const TIMEOUT_MS = 30_000;
const INTERVAL_MS = 50;
/** No part of what a node is registered with. */
const NO_SECRETS = { token: "", authorityHash: "" };

/** Nodes are there in Kubernetes before their kubelets ask for them: with the range of their pods, so that nobody has to give them one. */
export async function registerNodes(ctx: ClusterContext, nodes: readonly Node[]): Promise<void> {
  await Promise.all(nodes.map((node) => register(ctx, node)));
}

/** As the records have it. */
export async function kubernetesNode(ctx: ClusterContext, node: Node): Promise<V1Node> {
  const { cluster, nodes } = ctx;
  const [version, host] = await Promise.all([versionOf(ctx, node), hostFacts()]);
  const facts = { version, host: host.capacity, cgroupV1: host.cgroupV1, ...NO_SECRETS };
  const documents = nodeDocuments({ cluster, node, nodes, ...facts });
  return nodeObject(node, documents, { first: isFirst(node, nodes), host: host.capacity });
}

async function register(ctx: ClusterContext, node: Node): Promise<void> {
  const body = await kubernetesNode(ctx, node);
  await waitUntil({
    what: `node ${node.reservation!.kubernetesName} is registered`,
    timeoutMs: TIMEOUT_MS,
    intervalMs: INTERVAL_MS,
    signal: ctx.signal,
    look: () => createOrComplete(ctx, body),
  });
}

/** A kubelet that was faster (the first control plane's asks all the time) has made its node with its own taints, and without a range. */
async function createOrComplete(ctx: ClusterContext, node: V1Node): Promise<V1Node> {
  const api = apiOf(ctx);
  const { signal } = ctx;
  try {
    return await api.call<V1Node>("POST", "/api/v1/nodes", { body: node, signal });
  } catch (error) {
    if (!isKubernetesStatus(error, 409)) throw error;
  }
  const path = `/api/v1/nodes/${node.metadata!.name}`;
  const present = await api.get<V1Node>(path, { signal });
  const { podCIDR, podCIDRs } = node.spec!;
  const { labels, annotations } = node.metadata!;
  const range = present.spec?.podCIDR ? {} : { podCIDR, podCIDRs };
  const body = { metadata: { labels, annotations }, spec: range };
  return api.call<V1Node>("PATCH", path, { body, contentType: "application/strategic-merge-patch+json", signal });
}
