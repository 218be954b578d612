import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isKubernetesStatus } from "../kubernetes/errors.ts";
import { podPath, podsOn } from "../drain/pods.ts";

/** Nodes whose containers are gone, out of Kubernetes, and what it still has on them. What is gone already is no fault. */
export async function forgetNodes(ctx: ClusterContext, nodes: readonly Node[]): Promise<void> {
  const api = apiOf(ctx);
  await Promise.all(nodes.map(({ reservation }) => forgetNode(api, reservation!.kubernetesName, ctx.signal)));
}

async function forgetNode(api: KubernetesClient, name: string, signal: AbortSignal): Promise<void> {
  await remove(api, `/api/v1/nodes/${name}`, {}, signal);
  // Nobody is left to say that they have ended; Kubernetes by itself would find out minutes later.
  const pods = await podsOn(api, name, signal);
  await Promise.all(pods.map((pod) => remove(api, podPath(pod), { gracePeriodSeconds: 0 }, signal)));
}

async function remove(api: KubernetesClient, path: string, body: object, signal: AbortSignal): Promise<void> {
  try {
    await api.call("DELETE", path, { body, signal });
  } catch (error) {
    if (!isKubernetesStatus(error, 404)) throw error;
  }
}
