import { setTimeout as delay } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isKubernetesStatus } from "../kubernetes/errors.ts";
import { isDrained, podName, podPath, podsOn } from "./pods.ts";

const INTERVAL_MS = 250;
/** Pods that an error names. */
const NAMED_MAX = 8;

export interface DrainOptions {
  api: KubernetesClient;
  /** Its name in Kubernetes. */
  node: string;
  timeoutMs: number;
  signal: AbortSignal;
  progress: (text: string) => void;
}

interface Resource {
  name: string;
  group?: string;
  version?: string;
}

/**
 * Evicts what runs on a node and waits until it has ended: disruption budgets are kept, for it is the API that decides. FAILED_PRECONDITION
 * DRAIN_TIMEOUT, with what stayed and why, when the time is over.
 */
export async function drain(options: DrainOptions): Promise<void> {
  const { api, node, timeoutMs, signal } = options;
  const deadlineMs = performance.now() + timeoutMs;
  const apiVersion = await evictionVersion(api, signal);
  /** Why a pod may not go, by uid. */
  const refused = new Map<string, string>();
  for (;;) {
    const pods = (await podsOn(api, node, signal)).filter(isDrained);
    if (pods.length === 0) return;
    options.progress(`draining ${node}: ${pods.length} ${pods.length === 1 ? "pod" : "pods"} left`);
    await Promise.all(pods.map((pod) => evict(options, pod, apiVersion, refused)));
    if (performance.now() >= deadlineMs) throw notInTime(options, pods, refused);
    await delay(INTERVAL_MS, undefined, { signal });
  }
}

/** The API says itself which one it takes. */
async function evictionVersion(api: KubernetesClient, signal: AbortSignal): Promise<string> {
  const { resources } = await api.get<{ resources: Resource[] }>("/api/v1", { signal });
  const { group = "policy", version = "v1" } = resources.find(({ name }) => name === "pods/eviction") ?? {};
  return `${group}/${version}`;
}

async function evict({ api, signal }: DrainOptions, pod: V1Pod, apiVersion: string, refused: Map<string, string>) {
  const { name, namespace, uid = "", deletionTimestamp } = pod.metadata!;
  if (deletionTimestamp) return;
  const body = {
    apiVersion,
    kind: "Eviction",
    metadata: { name, namespace },
    deleteOptions: { preconditions: { uid } },
  };
  try {
    await api.call("POST", `${podPath(pod)}/eviction`, { body, signal });
    refused.delete(uid);
  } catch (error) {
    if (isKubernetesStatus(error, 404) || isKubernetesStatus(error, 409)) return;
    // A budget allows no disruption now.
    if (!isKubernetesStatus(error, 429)) throw error;
    refused.set(uid, error.message);
  }
}

function notInTime({ node, timeoutMs }: DrainOptions, pods: readonly V1Pod[], refused: ReadonlyMap<string, string>) {
  const named = pods.slice(0, NAMED_MAX).map((pod) => {
    const why = refused.get(pod.metadata!.uid ?? "");
    return why === undefined ? podName(pod) : `${podName(pod)} (${why})`;
  });
  const more = pods.length - named.length;
  const text = `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  return failedPrecondition("DRAIN_TIMEOUT", `${node} still has ${text} after ${timeoutMs / 1000} s`, { node });
}
