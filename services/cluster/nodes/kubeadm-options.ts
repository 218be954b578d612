import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { containerNameOfNode, engineNameOfCluster } from "../clusters/names.ts";
import { type Document, kubeadmDocuments } from "../kubeadm/documents.ts";
import type { KubeadmOptions } from "../kubeadm/options.ts";
import type { HostCapacity } from "../kubeadm/reserved.ts";
import type { KubernetesVersion } from "../kubeadm/version.ts";

/** The controller manager begins with some hundred requests; at its default of 20 a second that alone takes it four seconds. */
const CONTROLLER_MANAGER_FLAGS = { "kube-api-qps": "100", "kube-api-burst": "200" };

/** A node's state is told within a second of its change (by default ten), and as seldom as by default while nothing changes. */
const KUBELET_FIELDS = { nodeStatusUpdateFrequency: "1s", nodeStatusReportFrequency: "5m0s" };

export interface NodeDocumentsInput {
  /** With defaults filled in, and reserved. */
  cluster: Cluster;
  node: Node;
  /** All of the cluster's. */
  nodes: readonly Node[];
  version: KubernetesVersion;
  token: string;
  authorityHash: string;
  host: HostCapacity;
  cgroupV1: boolean;
  /** Further flags of etcd, for one start: no part of what the cluster keeps. */
  etcdFlags?: Readonly<Record<string, string>>;
}

/** kubeadm's configuration of a node, from the records. */
export function nodeDocuments(input: NodeDocumentsInput): Document[] {
  const { kubeadmConfigPatches, kubeadmConfigJsonPatches } = input.cluster.spec!;
  return kubeadmDocuments(kubeadmOptions(input), [
    { merge: kubeadmConfigPatches, json: kubeadmConfigJsonPatches },
    { merge: input.node.spec!.kubeadmConfigPatches, json: [] },
  ]);
}

export function kubeadmOptions(input: NodeDocumentsInput): KubeadmOptions {
  const { cluster, node, nodes, version, token, authorityHash, host, cgroupV1 } = input;
  const spec = cluster.spec!;
  const networking = spec.networking!;
  const { endpointName, apiIpv4 } = cluster.reservation!;
  return {
    version,
    clusterName: engineNameOfCluster(cluster.meta!.name),
    endpointName,
    // A cluster that is looked at before it is made has no address yet.
    apiNames: [...new Set(["localhost", "127.0.0.1", networking.apiServerAddress, apiIpv4])].filter(
      (name) => name !== "",
    ),
    token,
    authorityHash,
    podSubnet: networking.podSubnet,
    serviceSubnet: networking.serviceSubnet,
    dnsDomain: networking.dnsDomain,
    kubeProxyMode: networking.kubeProxyMode,
    featureGates: spec.featureGates,
    runtimeConfig: spec.runtimeConfig,
    workers: nodes.some((each) => each.spec?.role === NodeRole.NODE_ROLE_WORKER),
    cgroupV1,
    flags: { controllerManager: CONTROLLER_MANAGER_FLAGS, etcd: input.etcdFlags ?? {} },
    kubelet: KUBELET_FIELDS,
    node: {
      name: node.reservation!.kubernetesName,
      containerName: containerNameOfNode(node.meta!.name),
      address: node.reservation!.ipv4,
      controlPlane: node.spec!.role === NodeRole.NODE_ROLE_CONTROL_PLANE,
      labels: node.spec!.labels,
      taints: node.spec!.taints,
      cpuMillis: Number(node.spec!.cpuMillis),
      memoryBytes: Number(node.spec!.memoryBytes),
      host,
    },
  };
}
