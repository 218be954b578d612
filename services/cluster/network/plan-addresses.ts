import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { resourceExhausted } from "../../common/errors/errors.ts";
import { formatIpv4, formatRange, parseRange, type Range, sizeOf } from "../../common/network/cidr.ts";
import { POD_PREFIX } from "../clusters/limits.ts";

/** First of the subnet's addresses that Gantry gives: before it are the network's own and the gateway's. */
const API_OFFSET = 2;

export interface NodeAddresses {
  ipv4: string;
  podCidr: string;
}

/** The address that the cluster's API is reached at inside: of the only control plane, or of none of several. */
export function apiAddress(subnet: Range): string {
  return formatIpv4(subnet.first + API_OFFSET);
}

/**
 * An address and a range for pods for each node that has none yet, by name; the others keep theirs. The upper half of the subnet is the
 * engine's.
 */
export function planAddresses(cluster: Cluster, nodes: readonly Node[]): Map<string, NodeAddresses> {
  const subnet = parseRange(cluster.reservation?.subnet ?? "");
  const pods = parseRange(cluster.spec?.networking?.podSubnet ?? "");
  if (!subnet || !pods) throw new Error(`${cluster.meta?.name} has no subnet yet`);
  const single = nodes.filter(isControlPlane).length === 1;
  const takenAddresses = new Set(nodes.flatMap(({ reservation }) => reservation?.ipv4 || []));
  const takenRanges = new Set(nodes.flatMap(({ reservation }) => reservation?.podCidr || []));
  // With several control planes no node has that address; with one it is the control plane's own.
  takenAddresses.add(apiAddress(subnet));
  const plan = new Map<string, NodeAddresses>();
  for (const node of nodes) {
    const { ipv4 = "", podCidr = "" } = node.reservation ?? {};
    const own = single && isControlPlane(node) ? apiAddress(subnet) : "";
    const given = {
      ipv4: ipv4 || own || firstFree(addressesOf(subnet), takenAddresses, "cluster_subnet"),
      podCidr: podCidr || firstFree(rangesOf(pods), takenRanges, "pod_subnet"),
    };
    takenAddresses.add(given.ipv4);
    takenRanges.add(given.podCidr);
    if (ipv4 === "" || podCidr === "") plan.set(node.meta!.name, given);
  }
  return plan;
}

function isControlPlane({ spec }: Node): boolean {
  return spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE;
}

function* addressesOf(subnet: Range): Generator<string> {
  const count = sizeOf(subnet.prefix) / 2;
  for (let offset = API_OFFSET; offset < count; offset += 1) yield formatIpv4(subnet.first + offset);
}

function* rangesOf(pods: Range): Generator<string> {
  const size = sizeOf(POD_PREFIX);
  for (let first = pods.first; first < pods.first + sizeOf(pods.prefix); first += size) {
    yield formatRange({ first, prefix: POD_PREFIX });
  }
}

function firstFree(all: Iterable<string>, taken: ReadonlySet<string>, limit: string): string {
  for (const each of all) if (!taken.has(each)) return each;
  throw resourceExhausted(limit, "no address is left for a further node");
}
