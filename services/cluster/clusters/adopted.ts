import type Docker from "dockerode";
import {
  Cluster,
  ClusterNetworking,
  ClusterState,
  KubeProxyMode,
  PodNetwork,
  PowerState,
} from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import {
  Node,
  NodeGroup,
  NodeMount,
  NodePort,
  NodeRole,
  NodeSpec,
  NodeState,
} from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { LABEL_KIND_ROLE } from "../nodes/container-options.ts";
import { API_PORT } from "../pki/paths.ts";
import { API_SERVER_ADDRESS, DNS_DOMAIN, POD_SUBNET, SERVICE_SUBNET } from "./defaults.ts";
import { engineNameOfCluster } from "./names.ts";
import { compareNodes } from "./node-order.ts";

/** What of kubeadm's configuration a record says. */
export interface KubeadmFacts {
  podSubnet?: string | undefined;
  serviceSubnet?: string | undefined;
  dnsDomain?: string | undefined;
  proxyMode?: string | undefined;
}

export interface AdoptedInput {
  /** `projects/<p>/clusters/<id>`. */
  name: string;
  host: string;
  /** Of all its nodes. */
  containers: readonly Docker.ContainerInspectInfo[];
  kubeadm: KubeadmFacts;
}

export interface AdoptedRecords {
  cluster: Cluster;
  /** Control planes first. */
  nodes: Node[];
}

/**
 * Records of a cluster that kind made, as far as its containers show it. Its containers have no labels of ours and get none: they are told by
 * their ids, which only the records have. Nothing is reserved for it but the port of its API: its addresses are kind's to give.
 */
export function adoptedRecords({ name, host, containers, kubeadm }: AdoptedInput): AdoptedRecords {
  const nodes = containers.map((container) => nodeRecord(name, host, container)).toSorted(compareNodes);
  const controlPlane = containers.find((container) => roleOf(container) === NodeRole.NODE_ROLE_CONTROL_PLANE)!;
  const api = publishedApi(controlPlane);
  const cluster = Cluster.fromPartial({
    meta: { name, host },
    spec: {
      image: controlPlane.Config.Image,
      nodeGroups: nodes.map(({ spec }) => NodeGroup.fromPartial({ count: 1, spec: spec! })),
      networking: networking(kubeadm, api),
      power: powerOf(containers),
      host,
    },
    reservation: { endpointName: nameOf(controlPlane), apiPort: api.hostPort },
    status: {
      state: ClusterState.CLUSTER_STATE_CREATING,
      adopted: true,
      network: Object.keys(controlPlane.NetworkSettings.Networks)[0] ?? "",
    },
  });
  return { cluster, nodes };
}

export function nameOf({ Name }: Docker.ContainerInspectInfo): string {
  return Name.replace(/^\//, "");
}

function nodeRecord(cluster: string, host: string, container: Docker.ContainerInspectInfo): Node {
  const id = nodeIdOf(cluster, nameOf(container));
  const { Config, HostConfig, Mounts } = container;
  const isControlPlane = roleOf(container) === NodeRole.NODE_ROLE_CONTROL_PLANE;
  return Node.fromPartial({
    meta: { name: `${cluster}/nodes/${id}`, host },
    spec: NodeSpec.fromPartial({
      role: roleOf(container),
      image: Config.Image,
      cpuMillis: BigInt(Math.round((HostConfig.NanoCpus ?? 0) / 1e6)),
      memoryBytes: BigInt(HostConfig.Memory ?? 0),
      mounts: Mounts.flatMap(({ Type, Source, Destination, RW }) =>
        (Type as string) === "bind" && Destination !== "/lib/modules"
          ? [NodeMount.fromPartial({ hostPath: Source, containerPath: Destination, readOnly: !RW })]
          : [],
      ),
      ports: publishedPorts(container).filter(({ port }) => !isControlPlane || port !== API_PORT),
    }),
    reservation: { kubernetesName: Config.Hostname },
    status: { state: NodeState.NODE_STATE_STARTING, containerId: container.Id },
  });
}

/** Of a container of the cluster: without the project that the engine's name may begin with. */
export function nodeIdOf(cluster: string, container: string): string {
  const engineName = engineNameOfCluster(cluster);
  return `${cluster.slice(cluster.lastIndexOf("/") + 1)}${container.slice(engineName.length)}`;
}

function roleOf({ Config }: Docker.ContainerInspectInfo): NodeRole {
  const isControlPlane = Config.Labels[LABEL_KIND_ROLE] === "control-plane";
  return isControlPlane ? NodeRole.NODE_ROLE_CONTROL_PLANE : NodeRole.NODE_ROLE_WORKER;
}

/** What kind was asked to publish; a port that the engine chose as it is now. */
function publishedPorts({ HostConfig, NetworkSettings }: Docker.ContainerInspectInfo): NodePort[] {
  const bindings = HostConfig.PortBindings as Record<string, { HostIp?: string; HostPort?: string }[] | null> | null;
  return Object.entries(bindings ?? {}).flatMap(([key, asked]) => {
    const [port, protocol] = key.split("/");
    return (asked ?? []).map(({ HostIp, HostPort }, i) => {
      const now = NetworkSettings.Ports?.[key]?.[i]?.HostPort;
      return NodePort.fromPartial({
        hostIp: HostIp ?? "",
        hostPort: Number(HostPort) || Number(now ?? 0),
        port: Number(port),
        protocol: protocol ?? "tcp",
      });
    });
  });
}

function publishedApi(controlPlane: Docker.ContainerInspectInfo): Pick<NodePort, "hostIp" | "hostPort"> {
  return publishedPorts(controlPlane).find(({ port }) => port === API_PORT) ?? { hostIp: "", hostPort: 0 };
}

const PROXY_MODES: Record<string, KubeProxyMode> = {
  iptables: KubeProxyMode.KUBE_PROXY_MODE_IPTABLES,
  ipvs: KubeProxyMode.KUBE_PROXY_MODE_IPVS,
  nftables: KubeProxyMode.KUBE_PROXY_MODE_NFTABLES,
};

function networking(kubeadm: KubeadmFacts, api: Pick<NodePort, "hostIp" | "hostPort">): ClusterNetworking {
  return ClusterNetworking.fromPartial({
    podNetwork: PodNetwork.POD_NETWORK_IMAGE,
    podSubnet: kubeadm.podSubnet || POD_SUBNET,
    serviceSubnet: kubeadm.serviceSubnet || SERVICE_SUBNET,
    dnsDomain: kubeadm.dnsDomain || DNS_DOMAIN,
    // Without a configuration of its own there is no kube-proxy.
    kubeProxyMode: PROXY_MODES[kubeadm.proxyMode ?? ""] ?? KubeProxyMode.KUBE_PROXY_MODE_NONE,
    apiServerAddress: api.hostIp || API_SERVER_ADDRESS,
    apiServerPort: api.hostPort,
  });
}

/** As they are: taking a cluster over starts and stops nothing. */
function powerOf(containers: readonly Docker.ContainerInspectInfo[]): PowerState {
  if (containers.every(({ State }) => State.Paused)) return PowerState.POWER_STATE_PAUSED;
  const runs = containers.some(({ State }) => State.Running);
  return runs ? PowerState.POWER_STATE_RUNNING : PowerState.POWER_STATE_STOPPED;
}
