import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { MountPropagation, type Node, type NodeMount, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { type Identity, identityLabels, KIND_NODE, KIND_VOLUME } from "../../common/engine/labels.ts";
import { containerMounts } from "../clusters/given-mounts.ts";
import { FOLDER_IN_NODE } from "../node-mounts/node-script.ts";
import { engineNameOfCluster } from "../clusters/names.ts";
import { enginePorts } from "../clusters/published-ports.ts";
import { ADMIN_CONF_PATH, API_PORT } from "../pki/paths.ts";

/** kind's own labels: by them its tools find a cluster's nodes. On nothing but nodes (and the load balancer's stub): kind removes all that has them. */
export const LABEL_KIND_CLUSTER = "io.x-k8s.kind.cluster";
export const LABEL_KIND_ROLE = "io.x-k8s.kind.role";

/** The engine keeps that much of what a node's systemd says: it must not fill the host's disk. */
const LOG_CONFIG = { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } };
/** What an orderly end of a node's services may take. */
const STOP_TIMEOUT_SECONDS = 20;

const ROLE_LABEL: Record<number, string> = {
  [NodeRole.NODE_ROLE_CONTROL_PLANE]: "control-plane",
  [NodeRole.NODE_ROLE_WORKER]: "worker",
};

const PROPAGATION: Record<number, string> = {
  [MountPropagation.MOUNT_PROPAGATION_HOST_TO_CONTAINER]: "rslave",
  [MountPropagation.MOUNT_PROPAGATION_BIDIRECTIONAL]: "rshared",
};

export interface NodeContainerInput {
  /** Id of the realm. */
  realm: string;
  /** With defaults filled in, and reserved. */
  cluster: Cluster;
  /** With defaults filled in, and reserved. */
  node: Node;
  /** Name of the cluster's network on the engine. */
  network: string;
  /** Nothing of the image's is put into its `/var`: all of it comes from elsewhere. */
  emptyVar?: boolean;
  /** Of the host, for what is mounted in it later to be seen in the node; undefined: nothing is. */
  folder?: string | undefined;
}

/** Body of POST /containers/create, as far as it is used here. */
export type NodeContainerOptions = ReturnType<typeof nodeContainerOptions>;

/** What the engine is asked to create for a node: kind's contract, with a pinned address and limits of its own. */
export function nodeContainerOptions(input: NodeContainerInput) {
  const { realm, cluster, node, network, emptyVar = false, folder } = input;
  const meta = node.meta!;
  const spec = node.spec!;
  const isControlPlane = spec.role === NodeRole.NODE_ROLE_CONTROL_PLANE;
  const { endpointName = "", apiIpv4 = "" } = cluster.reservation ?? {};
  const ports = [...enginePorts(node), ...(isControlPlane ? apiPort(cluster) : [])];
  const memory = Number(spec.memoryBytes);
  return {
    Image: spec.image || cluster.spec!.image,
    Hostname: node.reservation!.kubernetesName,
    Tty: true,
    Env: isControlPlane ? [`KUBECONFIG=${ADMIN_CONF_PATH}`] : [],
    Labels: {
      ...identityLabels({ name: meta.name, uid: meta.uid, kind: KIND_NODE, realm }),
      [LABEL_KIND_CLUSTER]: engineNameOfCluster(cluster.meta!.name),
      [LABEL_KIND_ROLE]: ROLE_LABEL[spec.role],
    },
    StopTimeout: STOP_TIMEOUT_SECONDS,
    ExposedPorts: Object.fromEntries(ports.map((port) => [portKey(port), {}])),
    HostConfig: {
      Privileged: true,
      SecurityOpt: ["seccomp=unconfined", "apparmor=unconfined"],
      CgroupnsMode: "private",
      Init: false,
      // Not kind's `on-failure:1`: a cluster is to be there again after the engine's or the host's restart.
      RestartPolicy: { Name: "unless-stopped" },
      Tmpfs: { "/tmp": "", "/run": "" },
      Mounts: [
        varVolume({ name: meta.name, uid: meta.uid, kind: KIND_VOLUME, realm }, emptyVar),
        MODULES,
        ...mountFolder(folder),
        ...containerMounts(node).map(bindMount),
      ],
      ExtraHosts: [`${endpointName}:${apiIpv4}`],
      DnsSearch: cluster.spec!.networking?.dnsSearch ?? [],
      NanoCpus: Number(spec.cpuMillis) * 1e6,
      Memory: memory,
      // Equal to memory: no swap beyond it, so that the limit is what it says.
      MemorySwap: memory,
      DeviceRequests: spec.devices.length > 0 ? [{ Driver: "cdi", DeviceIDs: spec.devices }] : [],
      PortBindings: portBindings(ports),
      NetworkMode: network,
      LogConfig: LOG_CONFIG,
    },
    NetworkingConfig: { EndpointsConfig: { [network]: endpointOf(cluster, node) } },
  };
}

/** Its place in the cluster's network: at its address, and under the API's name where that is the API's too. */
export function endpointOf({ reservation }: Cluster, node: Node) {
  const { ipv4 } = node.reservation!;
  const { endpointName = "", apiIpv4 = "" } = reservation ?? {};
  return { IPAMConfig: { IPv4Address: ipv4 }, ...(ipv4 === apiIpv4 ? { Aliases: [endpointName] } : {}) };
}

const MODULES = { Type: "bind", Source: "/lib/modules", Target: "/lib/modules", ReadOnly: true };

/** Anonymous, as kind has it: it goes with the container. The labels tell whose it is where it does not. */
function varVolume(volume: Identity, empty: boolean) {
  return {
    Type: "volume",
    Target: "/var",
    VolumeOptions: { ...(empty ? { NoCopy: true } : {}), Labels: identityLabels(volume) },
  };
}

/** What the node unmounts in it stays mounted on the host. */
function mountFolder(folder: string | undefined) {
  if (folder === undefined) return [];
  return [{ Type: "bind", Source: folder, Target: FOLDER_IN_NODE, BindOptions: { Propagation: "rslave" } }];
}

function bindMount({ hostPath, containerPath, readOnly, propagation }: NodeMount) {
  return {
    Type: "bind",
    Source: hostPath,
    Target: containerPath,
    ReadOnly: readOnly,
    BindOptions: { CreateMountpoint: true, Propagation: PROPAGATION[propagation] ?? "rprivate" },
  };
}

interface Port {
  hostIp: string;
  hostPort: number;
  port: number;
  protocol: string;
}

/** With several control planes the API has an address of its own instead. */
function apiPort({ spec, reservation }: Cluster): Port[] {
  if (!reservation || reservation.apiPort === 0) return [];
  const hostIp = spec!.networking?.apiServerAddress || "127.0.0.1";
  return [{ hostIp, hostPort: reservation.apiPort, port: API_PORT, protocol: "tcp" }];
}

function portBindings(ports: readonly Port[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { hostIp, hostPort, port, protocol } of ports) {
    (bindings[portKey({ port, protocol })] ??= []).push({
      HostIp: hostIp || "127.0.0.1",
      HostPort: hostPort === 0 ? "" : String(hostPort),
    });
  }
  return bindings;
}

function portKey({ port, protocol }: Pick<Port, "port" | "protocol">): string {
  return `${port}/${protocol || "tcp"}`;
}
