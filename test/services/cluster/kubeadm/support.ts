import { KubeProxyMode } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { KubeadmOptions, NodeOptions } from "../../../../services/cluster/kubeadm/options.ts";
import { parseKubernetesVersion } from "../../../../services/cluster/kubeadm/version.ts";

const GIB = 2 ** 30;

export function kubeadmOptions(
  version: string,
  changes: Partial<Omit<KubeadmOptions, "node" | "version">> = {},
  node: Partial<NodeOptions> = {},
): KubeadmOptions {
  return {
    version: parseKubernetesVersion(version)!,
    clusterName: "dev",
    endpointName: "dev-api",
    apiNames: ["localhost", "127.0.0.1"],
    token: "abcdef.0123456789abcdef",
    authorityHash: `sha256:${"0f".repeat(32)}`,
    podSubnet: "10.244.0.0/16",
    serviceSubnet: "10.96.0.0/16",
    dnsDomain: "cluster.local",
    kubeProxyMode: KubeProxyMode.KUBE_PROXY_MODE_UNSPECIFIED,
    featureGates: {},
    runtimeConfig: {},
    workers: false,
    cgroupV1: false,
    ...changes,
    node: {
      name: "dev-control-plane",
      containerName: "dev-control-plane",
      address: "10.208.0.2",
      controlPlane: true,
      labels: {},
      taints: [],
      cpuMillis: 0,
      memoryBytes: 0,
      host: { cpuMillis: 4000, memoryBytes: 16 * GIB },
      ...node,
    },
  };
}

export const WORKER = { name: "dev-worker", containerName: "dev-worker", address: "10.208.0.3", controlPlane: false };
