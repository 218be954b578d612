import {
  type Cluster,
  Cluster as ClusterMessage,
  type ClusterSnapshot,
  ClusterSnapshot as ClusterSnapshotMessage,
  ClusterSnapshotState,
  ClusterState,
} from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, Node as NodeMessage, NodeRole, NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { UsageError } from "../exit-codes.ts";
import { formatBytes, formatCpu } from "../quantity.ts";
import {
  age,
  below,
  idOf,
  limit,
  PAGE_SIZE,
  parentOf,
  projectOf,
  type ResourceKind,
  stateName,
  statesOf,
} from "./kind.ts";

const clusters: ResourceKind<Cluster> = {
  singular: "cluster",
  plural: "clusters",
  aliases: [],
  kind: "Cluster",
  typeName: "gantry.cluster.v1.Cluster",
  message: ClusterMessage,
  service: "cluster",
  inProject: true,
  states: statesOf(ClusterState, "CLUSTER_STATE_"),
  columns: [
    { header: "NAME", value: (c) => idOf(c.meta?.name ?? "") },
    { header: "PROJECT", value: (c) => projectOf(c.meta?.name ?? ""), wide: true },
    { header: "STATE", value: (c) => stateName(ClusterState, "CLUSTER_STATE_", c.status?.state ?? 0) },
    { header: "READY", value: (c) => `${c.status?.readyNodeCount ?? 0}/${c.status?.nodeCount ?? 0}` },
    { header: "VERSION", value: (c) => c.status?.kubernetesVersion || "-" },
    { header: "ENDPOINT", value: (c) => c.status?.endpoint || "-" },
    { header: "CONTROL PLANES", value: (c) => String(c.status?.controlPlaneCount ?? 0), wide: true },
    { header: "IMAGE", value: (c) => c.spec?.image || "-", wide: true },
    { header: "NETWORK", value: (c) => c.reservation?.subnet || "-", wide: true },
    { header: "HOST", value: (c) => c.meta?.host || "-" },
    { header: "AGE", value: (c) => age(c.meta) },
  ],
  name: (c) => c.meta?.name ?? "",
  fullName: below("clusters"),
  async get(c, name) {
    const cluster = await c.cluster();
    return c.call(cluster, cluster.getCluster, { name });
  },
  async page(c, query, pageToken) {
    const cluster = await c.cluster();
    const request = { parent: parentOf(query), pageSize: PAGE_SIZE, pageToken, labelSelector: query.labelSelector };
    const answer = await c.call(cluster, cluster.listClusters, request);
    return { items: answer.clusters, next: answer.nextPageToken };
  },
};

const clusterOf = (node: Node) => node.meta?.name.split("/")[3] ?? "";
const role = (node: Node) =>
  stateName(NodeRole, "NODE_ROLE_", node.spec?.role ?? 0)
    .toLowerCase()
    .replaceAll("_", "-");

const nodes: ResourceKind<Node> = {
  singular: "node",
  plural: "nodes",
  aliases: [],
  kind: "Node",
  typeName: "gantry.cluster.v1.Node",
  message: NodeMessage,
  service: "cluster",
  inProject: true,
  states: statesOf(NodeState, "NODE_STATE_"),
  columns: [
    { header: "NAME", value: (n) => idOf(n.meta?.name ?? "") },
    { header: "PROJECT", value: (n) => projectOf(n.meta?.name ?? ""), wide: true },
    { header: "CLUSTER", value: clusterOf },
    { header: "ROLE", value: role },
    { header: "STATE", value: (n) => stateName(NodeState, "NODE_STATE_", n.status?.state ?? 0) },
    { header: "VERSION", value: (n) => n.status?.kubeletVersion || "-" },
    { header: "ADDRESS", value: (n) => n.status?.ipv4 || n.reservation?.ipv4 || "-" },
    { header: "CPU", value: (n) => limit(n.spec?.cpuMillis, formatCpu) },
    { header: "MEMORY", value: (n) => limit(n.spec?.memoryBytes, formatBytes) },
    { header: "PODS", value: (n) => n.reservation?.podCidr || "-", wide: true },
    {
      header: "PORTS",
      value: (n) =>
        (n.status?.ports ?? []).map((p) => `${p.hostIp}:${p.hostPort}->${p.port}/${p.protocol || "tcp"}`).join(",") ||
        "-",
      wide: true,
    },
    { header: "AGE", value: (n) => age(n.meta) },
  ],
  name: (n) => n.meta?.name ?? "",
  fullName: nodeName,
  async get(c, name) {
    const cluster = await c.cluster();
    return c.call(cluster, cluster.getNode, { name });
  },
  async page(c, query, pageToken) {
    const cluster = await c.cluster();
    const parent = `${parentOf(query)}/clusters/${query.cluster || "-"}`;
    const request = { parent, pageSize: PAGE_SIZE, pageToken, labelSelector: query.labelSelector };
    const answer = await c.call(cluster, cluster.listNodes, request);
    return { items: answer.nodes, next: answer.nextPageToken };
  },
};

/** Of `dev-worker2`: an id says of which cluster the node is. */
function nodeName(id: string, project: string): string {
  if (id.includes("/")) return id;
  const cluster = /^(.+)-(?:control-plane|worker)\d*$/.exec(id)?.[1];
  if (cluster === undefined)
    throw new UsageError(`"${id}" is no node: they are called as dev-control-plane and dev-worker2`);
  return `projects/${project}/clusters/${cluster}/nodes/${id}`;
}

const snapshots: ResourceKind<ClusterSnapshot> = {
  singular: "clustersnapshot",
  plural: "clustersnapshots",
  aliases: ["clusterSnapshots"],
  kind: "ClusterSnapshot",
  typeName: "gantry.cluster.v1.ClusterSnapshot",
  message: ClusterSnapshotMessage,
  service: "cluster",
  inProject: true,
  states: statesOf(ClusterSnapshotState, "CLUSTER_SNAPSHOT_STATE_"),
  columns: [
    { header: "NAME", value: (s) => idOf(s.meta?.name ?? "") },
    { header: "PROJECT", value: (s) => projectOf(s.meta?.name ?? ""), wide: true },
    { header: "CLUSTER", value: (s) => idOf(s.spec?.cluster ?? "") },
    { header: "STATE", value: (s) => stateName(ClusterSnapshotState, "CLUSTER_SNAPSHOT_STATE_", s.status?.state ?? 0) },
    { header: "VERSION", value: (s) => s.status?.kubernetesVersion || "-" },
    { header: "NODES", value: (s) => String(s.status?.nodes.length ?? 0) },
    { header: "SIZE", value: (s) => limit(s.status?.sizeBytes, formatBytes) },
    { header: "DESCRIPTION", value: (s) => s.spec?.description || "-", wide: true },
    { header: "AGE", value: (s) => age(s.meta) },
  ],
  name: (s) => s.meta?.name ?? "",
  fullName: below("clusterSnapshots"),
  async get(c, name) {
    const cluster = await c.cluster();
    return c.call(cluster, cluster.getClusterSnapshot, { name });
  },
  async page(c, query, pageToken) {
    const cluster = await c.cluster();
    const request = { parent: parentOf(query), pageSize: PAGE_SIZE, pageToken, labelSelector: query.labelSelector };
    const answer = await c.call(cluster, cluster.listClusterSnapshots, request);
    return { items: answer.snapshots, next: answer.nextPageToken };
  },
};

// oxlint-disable-next-line typescript/no-explicit-any -- of different message types: each entry is used only with its own items
export const clusterKinds: readonly ResourceKind<any>[] = [clusters, nodes, snapshots];
