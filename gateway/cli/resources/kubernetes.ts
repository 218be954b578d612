import * as kubernetes from "../../../proto/gen/gantry/cluster/v1/kubernetes.ts";
import type { KubernetesObject } from "../../../proto/gen/gantry/cluster/v1/kubernetes.ts";
import type { Column } from "../output/table.ts";
import { formatBytes, formatCpu } from "../quantity.ts";
import { ageSince, idOf, type ResourceKind } from "./kind.ts";

interface Observed {
  object?: KubernetesObject | undefined;
}

/** A kind of object that clusters' APIs show. It is observed, never changed: `get` and `watch` alone know it. */
export interface KubernetesKind<T extends Observed> {
  readonly singular: string;
  readonly plural: string;
  readonly aliases: readonly string[];
  /** Kind as in Event.kind. */
  readonly kind: string;
  readonly typeName: string;
  readonly message: ResourceKind<T>["message"];
  readonly namespaced: boolean;
  readonly columns: readonly Column<T>[];
  name(item: T): string;
}

type Options<T extends Observed> = Pick<KubernetesKind<T>, "message" | "columns"> & {
  kind?: string;
  type?: string;
  aliases?: readonly string[];
  clusterWide?: boolean;
};

/** Columns as kubectl has them. */
function kind<T extends Observed>(
  singular: string,
  plural: string,
  word: string,
  options: Options<T>,
): KubernetesKind<T> {
  const { message, columns, aliases = [], clusterWide = false } = options;
  return {
    singular,
    plural,
    aliases,
    kind: options.kind ?? word,
    typeName: `gantry.cluster.v1.${options.type ?? word}`,
    message,
    namespaced: !clusterWide,
    columns: [
      { header: "CLUSTER", value: (item) => idOf(item.object?.cluster ?? ""), wide: true },
      ...(clusterWide ? [] : [{ header: "NAMESPACE", value: (item: T) => item.object?.namespace ?? "", wide: true }]),
      { header: "NAME", value: (item) => item.object?.name ?? "" },
      ...columns,
      { header: "AGE", value: (item) => ageSince(item.object?.createTime) },
    ],
    name: (item) => `${singular}/${item.object?.name ?? ""}`,
  };
}

const list = (texts: readonly string[] | undefined) => (texts && texts.length > 0 ? texts.join(",") : "-");
const pairs = (map: Record<string, string> | undefined) =>
  list(Object.entries(map ?? {}).map(([key, value]) => `${key}=${value}`));
const images = { header: "IMAGES", value: (item: { images: string[] }) => list(item.images), wide: true };

const pods = kind("pod", "pods", "Pod", {
  message: kubernetes.Pod,
  aliases: ["po"],
  columns: [
    { header: "READY", value: (p) => `${p.readyContainers}/${p.containers}` },
    { header: "STATUS", value: (p) => p.status || p.phase },
    { header: "RESTARTS", value: (p) => String(p.restarts) },
    { header: "IP", value: (p) => p.ip || "-", wide: true },
    { header: "NODE", value: (p) => p.node || "-", wide: true },
    images,
  ],
});

const services = kind("service", "services", "KubernetesService", {
  message: kubernetes.KubernetesService,
  aliases: ["svc"],
  columns: [
    { header: "TYPE", value: (s) => s.type },
    { header: "CLUSTER-IP", value: (s) => list(s.clusterIps) },
    { header: "EXTERNAL-IP", value: (s) => list(s.externalIps) },
    { header: "PORTS", value: (s) => list(s.ports) },
    { header: "SELECTOR", value: (s) => pairs(s.selector), wide: true },
  ],
});

const workload = (singular: string, plural: string, word: string, aliases: string[]) =>
  kind(singular, plural, word, {
    message: kubernetes.Workload,
    type: "Workload",
    aliases,
    columns: [
      { header: "READY", value: (w) => `${w.ready}/${w.desired}` },
      { header: "UP-TO-DATE", value: (w) => String(w.updated) },
      { header: "AVAILABLE", value: (w) => String(w.available) },
      images,
    ],
  });

const jobs = kind("job", "jobs", "Job", {
  message: kubernetes.Job,
  columns: [
    { header: "COMPLETIONS", value: (j) => `${j.succeeded}/${j.completions}` },
    {
      header: "STATUS",
      value: (j) => (j.complete ? "Complete" : j.active > 0 ? "Running" : j.failed > 0 ? "Failed" : "Pending"),
    },
  ],
});

const claims = kind("persistentvolumeclaim", "persistentvolumeclaims", "PersistentVolumeClaim", {
  message: kubernetes.PersistentVolumeClaim,
  aliases: ["pvc"],
  columns: [
    { header: "STATUS", value: (c) => c.phase },
    { header: "VOLUME", value: (c) => c.volume || "-" },
    { header: "CAPACITY", value: (c) => (c.capacityBytes === 0n ? "-" : formatBytes(c.capacityBytes)) },
    { header: "ACCESS MODES", value: (c) => list(c.accessModes) },
    { header: "STORAGECLASS", value: (c) => c.storageClass || "-" },
  ],
});

const namespaces = kind("namespace", "namespaces", "Namespace", {
  message: kubernetes.Namespace,
  aliases: ["ns"],
  clusterWide: true,
  columns: [{ header: "STATUS", value: (n) => n.phase }],
});

const events = kind("event", "events", "KubernetesEvent", {
  message: kubernetes.KubernetesEvent,
  aliases: ["ev"],
  columns: [
    { header: "LAST SEEN", value: (e) => ageSince(e.lastTime) || "-" },
    { header: "TYPE", value: (e) => e.type },
    { header: "REASON", value: (e) => e.reason },
    { header: "OBJECT", value: (e) => e.regarding },
    { header: "COUNT", value: (e) => String(e.count), wide: true },
    { header: "MESSAGE", value: (e) => e.message },
  ],
});

/** As the cluster's API sees its nodes; `nodes` are the containers. */
const kubernetesNodes = kind("kubernetesnode", "kubernetesnodes", "KubernetesNode", {
  message: kubernetes.KubernetesNode,
  clusterWide: true,
  columns: [
    {
      header: "STATUS",
      value: (n) =>
        [n.ready ? "Ready" : "NotReady", ...(n.unschedulable ? ["SchedulingDisabled"] : []), ...n.problems].join(","),
    },
    { header: "ROLES", value: (n) => list(n.roles) },
    { header: "VERSION", value: (n) => n.kubeletVersion },
    { header: "CPU", value: (n) => formatCpu(n.allocatable["cpu"] ?? 0n) },
    { header: "MEMORY", value: (n) => formatBytes(n.allocatable["memory"] ?? 0n) },
    { header: "INTERNAL-IP", value: (n) => n.internalIp || "-", wide: true },
    { header: "PODS", value: (n) => n.podCidr || "-", wide: true },
    { header: "TAINTS", value: (n) => list(n.taints), wide: true },
    { header: "RUNTIME", value: (n) => n.containerRuntimeVersion || "-", wide: true },
  ],
});

// oxlint-disable-next-line typescript/no-explicit-any -- of different message types: each entry is used only with its own items
export const kubernetesKinds: readonly KubernetesKind<any>[] = [
  pods,
  services,
  workload("deployment", "deployments", "Deployment", ["deploy"]),
  workload("statefulset", "statefulsets", "StatefulSet", ["sts"]),
  workload("daemonset", "daemonsets", "DaemonSet", ["ds"]),
  jobs,
  claims,
  namespaces,
  events,
  kubernetesNodes,
];
