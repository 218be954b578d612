import {
  Cluster,
  ClusterNetworking,
  type ClusterSpec,
  KubeProxyMode,
  PodNetwork,
  PowerState,
} from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeGroup, NodeRole, NodeSpec } from "../../../proto/gen/gantry/cluster/v1/node.ts";

export const POD_SUBNET = "10.244.0.0/16";
export const SERVICE_SUBNET = "10.96.0.0/16";
export const API_SERVER_ADDRESS = "127.0.0.1";
export const DNS_DOMAIN = "cluster.local";

export interface SpecDefaults {
  nodeImage: string;
  host: string;
}

/** The spec with everything filled in that was left open; what was asked for stays as it is. */
export function withDefaults(asked: ClusterSpec | undefined, { nodeImage, host }: SpecDefaults): ClusterSpec {
  const spec = asked ?? Cluster.fromPartial({ spec: {} }).spec!;
  const groups = spec.nodeGroups.length > 0 ? spec.nodeGroups : [ONE_CONTROL_PLANE];
  return {
    ...spec,
    image: spec.image || nodeImage,
    nodeGroups: groups.map(groupWithDefaults),
    networking: networkingWithDefaults(spec.networking),
    power: spec.power || PowerState.POWER_STATE_RUNNING,
    host: spec.host || host,
  };
}

const ONE_CONTROL_PLANE = NodeGroup.fromPartial({ spec: { role: NodeRole.NODE_ROLE_CONTROL_PLANE } });

export function groupWithDefaults({ count, spec = NodeSpec.fromPartial({}) }: NodeGroup): NodeGroup {
  return {
    count: count || 1,
    spec: {
      ...spec,
      role: spec.role || NodeRole.NODE_ROLE_WORKER,
      ports: spec.ports.map((port) => ({
        ...port,
        hostIp: port.hostIp || "127.0.0.1",
        protocol: port.protocol || "tcp",
      })),
    },
  };
}

function networkingWithDefaults(asked: ClusterNetworking = ClusterNetworking.fromPartial({})): ClusterNetworking {
  return {
    ...asked,
    podNetwork: asked.podNetwork || PodNetwork.POD_NETWORK_KERNEL,
    podSubnet: asked.podSubnet || POD_SUBNET,
    serviceSubnet: asked.serviceSubnet || SERVICE_SUBNET,
    kubeProxyMode: asked.kubeProxyMode || KubeProxyMode.KUBE_PROXY_MODE_IPTABLES,
    apiServerAddress: asked.apiServerAddress || API_SERVER_ADDRESS,
    dnsDomain: asked.dnsDomain || DNS_DOMAIN,
  };
}
