import type { KubernetesObject } from "../../../../proto/gen/gantry/cluster/v1/kubernetes.ts";
import {
  claimBytes,
  daemonSetBytes,
  deploymentBytes,
  eventBytes,
  jobBytes,
  namespaceBytes,
  nodeBytes,
  podBytes,
  serviceBytes,
  statefulSetBytes,
} from "./projections.ts";

/** A kind of object that is observed in each cluster. */
export interface ObservedKind {
  /** As the events are called. */
  kind: string;
  /** Of the list of all namespaces. */
  path: string;
  typeName: string;
  project(raw: unknown, object: KubernetesObject): Uint8Array;
}

export const KIND_KUBERNETES_NODE = "KubernetesNode";
export const KIND_KUBERNETES_EVENT = "KubernetesEvent";

const PACKAGE = "gantry.cluster.v1";

/** In the order of interest: nodes first. */
export const OBSERVED_KINDS: readonly ObservedKind[] = [
  kind(KIND_KUBERNETES_NODE, "/api/v1/nodes", "KubernetesNode", nodeBytes),
  kind("Namespace", "/api/v1/namespaces", "Namespace", namespaceBytes),
  kind("Pod", "/api/v1/pods", "Pod", podBytes),
  kind("KubernetesService", "/api/v1/services", "KubernetesService", serviceBytes),
  kind("Deployment", "/apis/apps/v1/deployments", "Workload", deploymentBytes),
  kind("StatefulSet", "/apis/apps/v1/statefulsets", "Workload", statefulSetBytes),
  kind("DaemonSet", "/apis/apps/v1/daemonsets", "Workload", daemonSetBytes),
  kind("Job", "/apis/batch/v1/jobs", "Job", jobBytes),
  kind("PersistentVolumeClaim", "/api/v1/persistentvolumeclaims", "PersistentVolumeClaim", claimBytes),
  kind(KIND_KUBERNETES_EVENT, "/api/v1/events", "KubernetesEvent", eventBytes),
];

function kind(name: string, path: string, message: string, project: ObservedKind["project"]): ObservedKind {
  return { kind: name, path, typeName: `${PACKAGE}.${message}`, project };
}
