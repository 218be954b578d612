import { resolve } from "node:path";
import { ClusterSpec, KubeProxyMode, PodNetwork } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { MountPropagation, type NodeGroup, NodeRole, NodeSpec } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { integer, list, map, object, oneOf, text, truth, unsupported } from "./fields.ts";

export const KIND_API = "kind.x-k8s.io/v1alpha4";
const KIND_GROUP = "kind.x-k8s.io/";

/** What a kind configuration asks for. */
export interface KindConfig {
  /** Empty: none is named. */
  name: string;
  spec: ClusterSpec;
}

/** Whether a document is a configuration of kind, of whatever version. */
export function isKindConfig(document: unknown): boolean {
  const { apiVersion, kind } = (document ?? {}) as { apiVersion?: unknown; kind?: unknown };
  return kind === "Cluster" && typeof apiVersion === "string" && apiVersion.startsWith(KIND_GROUP);
}

/** The same cluster as kind would make of a document, or everything that is wrong with it. */
export function readKindConfig(document: unknown): KindConfig | string[] {
  const problems: string[] = [];
  const read = cluster(document, "", problems);
  if (problems.length > 0 || !read) return problems;
  const { networking = {} } = read;
  return {
    name: read.name ?? "",
    spec: ClusterSpec.fromPartial({
      nodeGroups: (read.nodes ?? []).map(nodeGroup),
      networking: {
        podSubnet: networking.podSubnet ?? "",
        serviceSubnet: networking.serviceSubnet ?? "",
        apiServerAddress: networking.apiServerAddress ?? "",
        apiServerPort: Math.max(0, networking.apiServerPort ?? 0),
        podNetwork: networking.disableDefaultCNI ? PodNetwork.POD_NETWORK_NONE : PodNetwork.POD_NETWORK_UNSPECIFIED,
        kubeProxyMode: networking.kubeProxyMode ?? KubeProxyMode.KUBE_PROXY_MODE_UNSPECIFIED,
        dnsSearch: networking.dnsSearch ?? [],
      },
      featureGates: read.featureGates ?? {},
      runtimeConfig: read.runtimeConfig ?? {},
      kubeadmConfigPatches: read.kubeadmConfigPatches ?? [],
      kubeadmConfigJsonPatches: (read.kubeadmConfigPatchesJSON6902 ?? []).map((patch) => ({
        group: patch.group ?? "",
        version: patch.version ?? "",
        kind: patch.kind ?? "",
        patch: patch.patch ?? "",
      })),
    }),
  };
}

/** kind's own name for a cluster that has none. */
const DEFAULT_NAME = "kind";

/** As `readKindConfig`, named as kind would where it names itself not. */
export function readNamedKindConfig(document: unknown): KindConfig | string[] {
  const read = readKindConfig(document);
  return Array.isArray(read) || read.name !== "" ? read : { ...read, name: DEFAULT_NAME };
}

const port = integer(0, 65_535);
/** kind has -1 for "whatever the engine chooses". */
const hostPort = integer(-1, 65_535);

const mount = object({
  containerPath: text,
  hostPath: text,
  readOnly: truth,
  selinuxRelabel: unsupported(false, "label the folder on the host"),
  propagation: oneOf({
    None: MountPropagation.MOUNT_PROPAGATION_NONE,
    HostToContainer: MountPropagation.MOUNT_PROPAGATION_HOST_TO_CONTAINER,
    Bidirectional: MountPropagation.MOUNT_PROPAGATION_BIDIRECTIONAL,
  }),
});

const portMapping = object({
  containerPort: port,
  hostPort,
  listenAddress: text,
  protocol: oneOf({ TCP: "tcp", UDP: "udp", SCTP: "sctp" }),
});

const node = object({
  role: oneOf({ "control-plane": NodeRole.NODE_ROLE_CONTROL_PLANE, worker: NodeRole.NODE_ROLE_WORKER }),
  image: text,
  labels: map(text),
  extraMounts: list(mount),
  extraPortMappings: list(portMapping),
  gpus: oneOf({ all: "nvidia.com/gpu=all" }),
  kubeadmConfigPatches: list(text),
  kubeadmConfigPatchesJSON6902: unsupported([], "write it as kubeadmConfigPatches, or for the whole cluster"),
});

type Node = NonNullable<ReturnType<typeof node>>;

const cluster = object({
  kind: oneOf({ Cluster: "Cluster" }),
  apiVersion: oneOf({ [KIND_API]: KIND_API }),
  name: text,
  nodes: list(node),
  networking: object({
    ipFamily: unsupported("ipv4", "clusters have IPv4 addresses"),
    apiServerPort: hostPort,
    apiServerAddress: text,
    podSubnet: text,
    serviceSubnet: text,
    disableDefaultCNI: truth,
    kubeProxyMode: oneOf({
      iptables: KubeProxyMode.KUBE_PROXY_MODE_IPTABLES,
      ipvs: KubeProxyMode.KUBE_PROXY_MODE_IPVS,
      nftables: KubeProxyMode.KUBE_PROXY_MODE_NFTABLES,
      none: KubeProxyMode.KUBE_PROXY_MODE_NONE,
    }),
    dnsSearch: list(text),
  }),
  featureGates: map(truth),
  runtimeConfig: map(text),
  kubeadmConfigPatches: list(text),
  kubeadmConfigPatchesJSON6902: list(object({ group: text, version: text, kind: text, patch: text })),
  containerdConfigPatches: unsupported([], "containerd is configured by the node image"),
  containerdConfigPatchesJSON6902: unsupported([], "containerd is configured by the node image"),
});

/** As with kind, from the folder in which the command runs. */
function hostPath(path: string): string {
  return path === "" ? "" : resolve(path);
}

/** `/data` of `/data/`. */
function withoutEnd(path: string): string {
  return path.replace(/(?<=.)\/+$/, "");
}

/** Each node of the file is a group of one: that keeps their order. */
function nodeGroup(read: Node): NodeGroup {
  return {
    count: 1,
    spec: NodeSpec.fromPartial({
      // Not a worker, as with Gantry: kind's default.
      role: read.role ?? NodeRole.NODE_ROLE_CONTROL_PLANE,
      image: read.image ?? "",
      labels: read.labels ?? {},
      mounts: (read.extraMounts ?? []).map((one) => ({
        hostPath: hostPath(one.hostPath ?? ""),
        containerPath: withoutEnd(one.containerPath ?? ""),
        readOnly: one.readOnly ?? false,
        propagation: one.propagation ?? MountPropagation.MOUNT_PROPAGATION_UNSPECIFIED,
      })),
      ports: (read.extraPortMappings ?? []).map((one) => ({
        // On every address of the host, as with kind: whoever writes such a file means that.
        hostIp: one.listenAddress || "0.0.0.0",
        hostPort: Math.max(0, one.hostPort ?? 0),
        port: one.containerPort ?? 0,
        protocol: one.protocol ?? "tcp",
      })),
      devices: read.gpus === undefined ? [] : [read.gpus],
      kubeadmConfigPatches: read.kubeadmConfigPatches ?? [],
    }),
  };
}
