import type { KubeProxyMode } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Taint } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { HostCapacity } from "./reserved.ts";
import type { KubernetesVersion } from "./version.ts";

/** What kubeadm's configuration of one node is made from. */
export interface KubeadmOptions {
  version: KubernetesVersion;
  /** As on the engine. */
  clusterName: string;
  /** Stable name of the API, without port. */
  endpointName: string;
  /** Further names and addresses in the API server's certificate: of the host, of the spread address. */
  apiNames: readonly string[];
  /** `xxxxxx.xxxxxxxxxxxxxxxx`, with which nodes may join. */
  token: string;
  /** Hash of the authority's key, which joining nodes hold the API server to: `authorityHash`. */
  authorityHash: string;
  podSubnet: string;
  serviceSubnet: string;
  dnsDomain: string;
  kubeProxyMode: KubeProxyMode;
  featureGates: Readonly<Record<string, boolean>>;
  runtimeConfig: Readonly<Record<string, string>>;
  /** Whether the cluster has workers: control planes then take no other pods. */
  workers: boolean;
  node: NodeOptions;
  /** Whether the host mounts control groups of version 1. */
  cgroupV1: boolean;
  /** Further flags of components, by name without dashes. They go before patches. */
  flags?: Partial<
    Record<"apiServer" | "controllerManager" | "scheduler" | "etcd" | "kubelet", Readonly<Record<string, string>>>
  >;
  /** Further fields of the kubelets' configuration. */
  kubelet?: Readonly<Record<string, unknown>>;
}

export interface NodeOptions {
  /** Its name in Kubernetes, and host name. */
  name: string;
  /** Its container's, for the provider id. */
  containerName: string;
  address: string;
  controlPlane: boolean;
  labels: Readonly<Record<string, string>>;
  taints: readonly Taint[];
  /** Its limits; 0: none. */
  cpuMillis: number;
  memoryBytes: number;
  host: HostCapacity;
}
