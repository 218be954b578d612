import type { V1Node } from "@kubernetes/client-node";
import type { KubernetesClient } from "../kubernetes/client.ts";

/** Which operation it was that keeps new pods away: what a user keeps away stays so. */
const CORDONED_BY = "gantry.dev/cordoned-by";
const MERGE_PATCH = "application/merge-patch+json";

/** No new pods for the node, by this operation unless it is so already. False where Kubernetes does not know the node. */
export async function cordon(api: KubernetesClient, node: string, operation: string, signal: AbortSignal) {
  const found = await api.find<V1Node>(path(node), { signal });
  if (!found) return false;
  if (!found.spec?.unschedulable) await patch(api, node, { unschedulable: true, by: operation }, signal);
  return true;
}

/** New pods again, unless it was another who kept them away. */
export async function uncordon(api: KubernetesClient, node: string, operation: string, signal: AbortSignal) {
  const found = await api.find<V1Node>(path(node), { signal });
  if (found?.metadata?.annotations?.[CORDONED_BY] !== operation) return;
  await patch(api, node, { unschedulable: null, by: null }, signal);
}

interface Change {
  unschedulable: true | null;
  by: string | null;
}

async function patch(api: KubernetesClient, node: string, { unschedulable, by }: Change, signal: AbortSignal) {
  const body = { metadata: { annotations: { [CORDONED_BY]: by } }, spec: { unschedulable } };
  await api.call("PATCH", path(node), { body, contentType: MERGE_PATCH, signal });
}

function path(node: string): string {
  return `/api/v1/nodes/${node}`;
}
