import {
  Job,
  KubernetesEvent,
  KubernetesNode,
  type KubernetesObject,
  KubernetesService,
  Namespace,
  PersistentVolumeClaim,
  Pod,
  Workload,
} from "../../../../proto/gen/gantry/cluster/v1/kubernetes.ts";
import { clipBytes } from "../../../common/observe/clip.ts";
import { nodeReady } from "./node-view.ts";
import { podSummary } from "./pod-status.ts";
import { quantity } from "./quantity.ts";
import { condition, count, entries, field, flag, list, text, textMap, texts, time } from "./raw.ts";

/** Compact views of a cluster's objects: what people look at. Pure: from the object as the API sent it. */

const EVENT_MESSAGE_BYTES_MAX = 1_024;
const ROLE_LABEL = "node-role.kubernetes.io/";
/** Node conditions that say something good; all others name a problem. */
const GOOD_CONDITION = "Ready";

export function objectOf(raw: unknown, cluster: string): KubernetesObject {
  const meta = field(raw, "metadata");
  const owner = list(meta, "ownerReferences").find((each) => flag(each, "controller"));
  return {
    namespace: text(meta, "namespace"),
    name: text(meta, "name"),
    uid: text(meta, "uid"),
    labels: textMap(meta, "labels"),
    createTime: time(meta, "creationTimestamp"),
    deleteTime: time(meta, "deletionTimestamp"),
    owner: owner === undefined ? "" : `${text(owner, "kind")}/${text(owner, "name")}`,
    cluster,
  };
}

export function nodeBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  const message: KubernetesNode = {
    object,
    ready: nodeReady(raw),
    unschedulable: flag(raw, "spec", "unschedulable"),
    roles: Object.keys(object.labels)
      .filter((label) => label.startsWith(ROLE_LABEL))
      .map((label) => label.slice(ROLE_LABEL.length))
      .toSorted(),
    kubeletVersion: text(raw, "status", "nodeInfo", "kubeletVersion"),
    internalIp: text(
      list(raw, "status", "addresses").find((each) => text(each, "type") === "InternalIP"),
      "address",
    ),
    podCidr: text(raw, "spec", "podCIDR"),
    allocatable: Object.fromEntries(
      entries(raw, "status", "allocatable").map(([name, value]) => [
        text(name),
        quantity(text(value), name === "cpu" ? 1_000 : 1),
      ]),
    ),
    taints: list(raw, "spec", "taints").map((taint) => {
      const value = text(taint, "value");
      return `${text(taint, "key")}${value === "" ? "" : `=${value}`}:${text(taint, "effect")}`;
    }),
    problems: list(raw, "status", "conditions")
      .filter((each) => text(each, "type") !== GOOD_CONDITION && text(each, "status") === "True")
      .map((each) => text(each, "type")),
    containerRuntimeVersion: text(raw, "status", "nodeInfo", "containerRuntimeVersion"),
  };
  return KubernetesNode.encode(message).finish();
}

export function podBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  const summary = podSummary(raw);
  const message: Pod = {
    object,
    phase: text(raw, "status", "phase"),
    status: summary.status,
    readyContainers: summary.ready,
    containers: summary.total,
    restarts: summary.restarts,
    node: text(raw, "spec", "nodeName"),
    ip: text(raw, "status", "podIP"),
    images: imagesOf(field(raw, "spec")),
  };
  return Pod.encode(message).finish();
}

export function serviceBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  const clusterIp = text(raw, "spec", "clusterIP");
  const clusterIps = texts(raw, "spec", "clusterIPs");
  const given = list(raw, "status", "loadBalancer", "ingress").map(
    (each) => text(each, "ip") || text(each, "hostname"),
  );
  const message: KubernetesService = {
    object,
    type: text(raw, "spec", "type"),
    clusterIps: clusterIps.length === 0 && clusterIp !== "" ? [clusterIp] : clusterIps,
    externalIps: [...new Set([...texts(raw, "spec", "externalIPs"), ...given])],
    ports: list(raw, "spec", "ports").map((port) => {
      const nodePort = count(port, "nodePort");
      return `${count(port, "port")}${nodePort === 0 ? "" : `:${nodePort}`}/${text(port, "protocol") || "TCP"}`;
    }),
    selector: textMap(raw, "spec", "selector"),
  };
  return KubernetesService.encode(message).finish();
}

export function deploymentBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  return encodeWorkload(raw, object, replicasOf(raw));
}

export function statefulSetBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  const replicas = replicasOf(raw);
  // Told only since Kubernetes 1.22, and then always.
  if (field(raw, "status", "availableReplicas") === undefined) replicas.available = replicas.ready;
  return encodeWorkload(raw, object, replicas);
}

export function daemonSetBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  const status = field(raw, "status");
  return encodeWorkload(raw, object, {
    desired: count(status, "desiredNumberScheduled"),
    current: count(status, "currentNumberScheduled"),
    updated: count(status, "updatedNumberScheduled"),
    ready: count(status, "numberReady"),
    available: count(status, "numberAvailable"),
  });
}

type Replicas = Pick<Workload, "desired" | "current" | "updated" | "ready" | "available">;

function replicasOf(raw: unknown): Replicas {
  const status = field(raw, "status");
  return {
    // Absent: 1, as the API has it.
    desired: field(raw, "spec", "replicas") === undefined ? 1 : count(raw, "spec", "replicas"),
    current: count(status, "replicas"),
    updated: count(status, "updatedReplicas"),
    ready: count(status, "readyReplicas"),
    available: count(status, "availableReplicas"),
  };
}

function encodeWorkload(raw: unknown, object: KubernetesObject, replicas: Replicas): Uint8Array {
  const message: Workload = {
    object,
    ...replicas,
    images: imagesOf(field(raw, "spec", "template", "spec")),
    generation: BigInt(count(raw, "metadata", "generation")),
    observedGeneration: BigInt(count(raw, "status", "observedGeneration")),
  };
  return Workload.encode(message).finish();
}

export function jobBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  const status = field(raw, "status");
  const message: Job = {
    object,
    completions: field(raw, "spec", "completions") === undefined ? 1 : count(raw, "spec", "completions"),
    active: count(status, "active"),
    succeeded: count(status, "succeeded"),
    failed: count(status, "failed"),
    complete: text(condition(raw, "Complete"), "status") === "True",
    startTime: time(status, "startTime"),
    completionTime: time(status, "completionTime"),
  };
  return Job.encode(message).finish();
}

export function claimBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  const given = text(raw, "status", "capacity", "storage");
  const message: PersistentVolumeClaim = {
    object,
    phase: text(raw, "status", "phase"),
    storageClass: text(raw, "spec", "storageClassName"),
    volume: text(raw, "spec", "volumeName"),
    capacityBytes: quantity(given),
    accessModes: texts(raw, "spec", "accessModes"),
  };
  return PersistentVolumeClaim.encode(message).finish();
}

export function namespaceBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  return Namespace.encode({ object, phase: text(raw, "status", "phase") }).finish();
}

export function eventBytes(raw: unknown, object: KubernetesObject): Uint8Array {
  const about = field(raw, "involvedObject");
  const message: KubernetesEvent = {
    object,
    type: text(raw, "type"),
    reason: text(raw, "reason"),
    message: clipBytes(text(raw, "message"), EVENT_MESSAGE_BYTES_MAX),
    regarding: `${text(about, "kind")}/${text(about, "name")}`,
    count: count(raw, "series", "count") || count(raw, "count") || 1,
    lastTime: eventTime(raw),
    source: text(raw, "source", "component") || text(raw, "reportingComponent"),
  };
  return KubernetesEvent.encode(message).finish();
}

/** When it last happened, by whichever of the API's fields its reporter fills in. */
export function eventTime(raw: unknown): Date | undefined {
  return (
    time(raw, "series", "lastObservedTime") ??
    time(raw, "lastTimestamp") ??
    time(raw, "eventTime") ??
    time(raw, "metadata", "creationTimestamp")
  );
}

function imagesOf(podSpec: unknown): string[] {
  return [...new Set(list(podSpec, "containers").map((container) => text(container, "image")))];
}
