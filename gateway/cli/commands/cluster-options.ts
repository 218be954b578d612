import type { Command } from "commander";
import { ClusterSpec, PodNetwork } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeGroup, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { UsageError } from "../exit-codes.ts";
import type { KindConfig } from "../kind-config/kind-config.ts";
import { parseBytes, parseCpu } from "../quantity.ts";
import { parsePort } from "./instance-options.ts";

export interface ClusterOptions {
  image?: string;
  nodes?: string;
  controlPlanes?: string;
  workers?: string;
  cpus?: string;
  memory?: string;
  podNetwork?: string;
  podSubnet?: string;
  serviceSubnet?: string;
  apiPort?: string;
  publish?: string[];
  host?: string;
}

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

export function addClusterOptions(command: Command): Command {
  return command
    .option("-i, --image <reference>", "node image, as in kindest/node:v1.31.0")
    .option("--nodes <n>", "nodes in all (default: 1)")
    .option("--control-planes <n>", "how many of them are control planes: 1, 3, 5 or 7 (default: 1)")
    .option("--workers <n>", "how many of them are workers, instead of --nodes")
    .option("--cpus <n>", "processors of each node, as in 2, 0.5 or 500m")
    .option("--memory <size>", "memory of each node, as in 2Gi")
    .option("--pod-network <kind>", "kernel, image (what the node image brings) or none (default: kernel)")
    .option("--pod-subnet <cidr>", "addresses of pods")
    .option("--service-subnet <cidr>", "addresses of services")
    .option("--api-port <n>", "port of the host for the API")
    .option("--publish <port>", "[[address:]host port:]port[/udp] of the first control plane (repeatable)", collect)
    .option("--host <id>", "place it on this host");
}

const podNetworks: Record<string, PodNetwork> = {
  kernel: PodNetwork.POD_NETWORK_KERNEL,
  image: PodNetwork.POD_NETWORK_IMAGE,
  none: PodNetwork.POD_NETWORK_NONE,
};

/** The spec that options, and the kind configuration beside them, ask for. What a file says of nodes cannot be said by options too. */
export function clusterSpec(options: ClusterOptions, file: KindConfig | undefined): ClusterSpec {
  const spec = file?.spec ?? ClusterSpec.fromPartial({});
  const counts = ["nodes", "controlPlanes", "workers"] as const;
  if (spec.nodeGroups.length > 0 && counts.some((name) => options[name] !== undefined))
    throw new UsageError("--nodes, --control-planes and --workers do not go with a file that names the nodes");
  const groups = spec.nodeGroups.length > 0 ? spec.nodeGroups : groupsOf(options);
  const [first, ...others] = groups.map((group) => withLimits(group, options));
  const ports = (options.publish ?? []).map(parsePort);
  const networking = spec.networking;
  return ClusterSpec.fromPartial({
    ...spec,
    image: options.image ?? spec.image,
    host: options.host ?? spec.host,
    nodeGroups: first === undefined ? [] : [...withPorts(first, ports), ...others],
    networking: {
      ...networking,
      podNetwork: podNetworkOf(options.podNetwork) ?? networking?.podNetwork ?? PodNetwork.POD_NETWORK_UNSPECIFIED,
      podSubnet: options.podSubnet ?? networking?.podSubnet ?? "",
      serviceSubnet: options.serviceSubnet ?? networking?.serviceSubnet ?? "",
      apiServerPort:
        options.apiPort === undefined ? (networking?.apiServerPort ?? 0) : count("--api-port", options.apiPort),
    },
  });
}

function groupsOf({ nodes, controlPlanes, workers }: ClusterOptions): NodeGroup[] {
  const planes = count("--control-planes", controlPlanes ?? "1");
  const all = nodes === undefined ? undefined : count("--nodes", nodes);
  const asked = workers === undefined ? undefined : count("--workers", workers);
  if (all !== undefined && asked !== undefined && all !== planes + asked)
    throw new UsageError(
      `--nodes ${all}: ${planes} control planes and ${asked} workers are ${planes + asked}; say one of --nodes and --workers`,
    );
  const rest = asked ?? (all ?? planes) - planes;
  if (rest < 0) throw new UsageError(`--nodes ${all}: fewer than the ${planes} control planes`);
  return [
    NodeGroup.fromPartial({ count: planes, spec: { role: NodeRole.NODE_ROLE_CONTROL_PLANE } }),
    ...(rest > 0 ? [NodeGroup.fromPartial({ count: rest, spec: { role: NodeRole.NODE_ROLE_WORKER } })] : []),
  ];
}

function withLimits(group: NodeGroup, { cpus, memory }: ClusterOptions): NodeGroup {
  const limits = {
    ...(cpus === undefined ? {} : { cpuMillis: parseCpu(cpus, "--cpus") }),
    ...(memory === undefined ? {} : { memoryBytes: parseBytes(memory, "--memory") }),
  };
  return NodeGroup.fromPartial({ ...group, spec: { ...group.spec, ...limits } });
}

/** Ports are one node's: the first of its group is set apart where there are more. */
function withPorts(group: NodeGroup, ports: ReturnType<typeof parsePort>[]): NodeGroup[] {
  if (ports.length === 0) return [group];
  const spec = { ...group.spec, ports: [...(group.spec?.ports ?? []), ...ports] };
  const alone = NodeGroup.fromPartial({ count: 1, spec });
  return group.count > 1 ? [alone, { ...group, count: group.count - 1 }] : [alone];
}

function podNetworkOf(word: string | undefined): PodNetwork | undefined {
  if (word === undefined) return undefined;
  const found = Object.hasOwn(podNetworks, word) ? podNetworks[word] : undefined;
  if (found === undefined) throw new UsageError(`--pod-network ${word}: one of ${Object.keys(podNetworks).join(", ")}`);
  return found;
}

function count(option: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new UsageError(`${option} ${text}: not a whole number`);
  return Number(text);
}
