import { access, readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { type Cluster, PodNetwork } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { controlPlanesOf, isControlPlane } from "../clusters/control-planes.ts";
import { initialCluster } from "../etcd/initial-cluster.ts";
import { certificateFacts } from "../kubeadm/facts.ts";
import { kubeletFiles } from "../kubeadm/kubelet-files.ts";
import { kubeadmFile } from "../kubeadm/render.ts";
import { type HostCapacity, hostCapacity } from "../kubeadm/reserved.ts";
import { isAtLeast, type KubernetesVersion } from "../kubeadm/version.ts";
import { podNetworkFiles } from "../network/pod-network-files.ts";
import { podRoutes } from "../network/pod-routes.ts";
import { type Authorities, authorityHash } from "../pki/authorities.ts";
import { controlPlaneFiles } from "../pki/control-plane-files.ts";
import { nodeFiles } from "../pki/node-files.ts";
import { ETCD_CONFIG_PATH } from "./commands.ts";
import { nodeDocuments, type NodeDocumentsInput } from "./kubeadm-options.ts";
import { endOfPodsFiles } from "./end-of-pods.ts";
import { noDockerFiles } from "./no-docker.ts";
import type { NodeFile } from "./node-file.ts";

/** Its presence is what a node's kubelet starts for. */
export const KUBELET_CONFIG_PATH = "/var/lib/kubelet/config.yaml";
/** Kubelets from here on know nothing of Docker. */
const NO_DOCKER_MINOR = 24;

export interface HostFacts {
  capacity: HostCapacity;
  cgroupV1: boolean;
}

export async function hostFacts(): Promise<HostFacts> {
  const meminfo = await readFile("/proc/meminfo", "utf8");
  const unified = await access("/sys/fs/cgroup/cgroup.controllers").then(
    () => true,
    () => false,
  );
  return { capacity: hostCapacity(meminfo, cpus().length), cgroupV1: !unified };
}

export interface ClusterFilesInput {
  /** With defaults filled in, and reserved. */
  cluster: Cluster;
  node: Node;
  /** All of the cluster's. */
  nodes: readonly Node[];
  authorities: Authorities;
  token: string;
  version: KubernetesVersion;
  host: HostFacts;
  now: Date;
}

/** Everything that is put into a node before its start, so that nothing has to be asked or waited for afterwards. */
export async function clusterFiles(input: ClusterFilesInput): Promise<NodeFile[]> {
  const { cluster, node, nodes, authorities, token, version, host, now } = input;
  const about = { cluster, node, nodes, version, token, host: host.capacity, cgroupV1: host.cgroupV1 };
  const configured = { ...about, authorityHash: authorityHash(authorities) };
  const documents = nodeDocuments(configured);
  const controlPlane = isControlPlane(node);
  const first = isFirst(node, nodes);
  const { kubernetesName: nodeName, ipv4: address } = node.reservation!;
  const { endpointName } = cluster.reservation!;
  const facts = certificateFacts(documents);
  const common = { version, nodeName, address, endpointName, now };
  const [control, own] = await Promise.all([
    controlPlane ? controlPlaneFiles(authorities, { ...common, ...facts, first }) : [],
    nodeFiles(authorities, { ...common, clusterName: facts.clusterName, controlPlane }),
  ]);
  return [
    ...control,
    ...own,
    ...podNetwork(cluster, node, nodes),
    ...endOfPodsFiles(),
    ...(isAtLeast(version, 1, NO_DOCKER_MINOR) ? [] : noDockerFiles()),
    kubeadmFile(documents),
    ...(controlPlane && controlPlanesOf(nodes).length > 1 ? [etcdFile(configured)] : []),
    ...kubeletFiles(documents, { version, first }),
  ];
}

/** kubeadm's configuration again, with what etcd must know only while the cluster begins. */
function etcdFile(input: NodeDocumentsInput): NodeFile {
  const documents = nodeDocuments({ ...input, etcdFlags: initialCluster(controlPlanesOf(input.nodes)) });
  return { ...kubeadmFile(documents), path: ETCD_CONFIG_PATH };
}

/** Whether it is the one that begins the cluster. */
export function isFirst(node: Node, nodes: readonly Node[]): boolean {
  return node.meta!.name === nodes[0]!.meta!.name;
}

function podNetwork(cluster: Cluster, node: Node, nodes: readonly Node[]): NodeFile[] {
  const { podNetwork: kind, podSubnet } = cluster.spec!.networking!;
  if (kind !== PodNetwork.POD_NETWORK_KERNEL) return [];
  return podNetworkFiles({ podCidr: node.reservation!.podCidr, podSubnet, routes: podRoutes(node, nodes) });
}
