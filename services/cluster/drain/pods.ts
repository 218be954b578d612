import type { V1Pod } from "@kubernetes/client-node";
import type { KubernetesClient } from "../kubernetes/client.ts";

const MIRROR = "kubernetes.io/config.mirror";
const ENDED: ReadonlySet<string> = new Set(["Succeeded", "Failed"]);

export async function podsOn(api: KubernetesClient, node: string, signal: AbortSignal): Promise<V1Pod[]> {
  const pods: V1Pod[] = [];
  const query = { fieldSelector: `spec.nodeName=${node}` };
  for await (const { items } of api.pages<V1Pod>("/api/v1/pods", { query, signal })) pods.push(...items);
  return pods;
}

/** What has to go before its node may: not a node's own pods, nor daemon sets', which would be made again at once, nor what has ended. */
export function isDrained(pod: V1Pod): boolean {
  const { annotations = {}, ownerReferences = [] } = pod.metadata!;
  if (Object.hasOwn(annotations, MIRROR)) return false;
  if (ownerReferences.some(({ kind, controller }) => kind === "DaemonSet" && controller)) return false;
  return !ENDED.has(pod.status?.phase ?? "");
}

export function podPath({ metadata }: V1Pod): string {
  return `/api/v1/namespaces/${metadata!.namespace}/pods/${metadata!.name}`;
}

/** For people: `default/web-0`. */
export function podName({ metadata }: V1Pod): string {
  return `${metadata!.namespace}/${metadata!.name}`;
}
