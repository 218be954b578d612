import { isIPv4 } from "node:net";
import { type ClusterNetworking, KubeProxyMode, PodNetwork } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Violations } from "../../common/names/violations.ts";
import { formatRange, overlaps, parseRange, type Range } from "../../common/network/cidr.ts";
import { API_SERVER_ADDRESS } from "./defaults.ts";
import { isMember } from "./is-member.ts";
import { DNS_SEARCH_MAX, POD_PREFIX, PORT_MAX, SERVICE_PREFIX_MAX, SERVICE_PREFIX_MIN } from "./limits.ts";

export interface NetworkRules {
  /** Where clusters' own networks are. */
  subnets: Range;
  /** Ranges that the host has routes to. */
  routes: readonly Range[];
  /** IPv4 addresses of the host. */
  addresses: readonly string[];
}

const DNS_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;
const DNS_NAME_LENGTH_MAX = 253;

/** With defaults filled in. `rules` undefined: it is for another host, which is not known here. */
export function checkNetworking(
  found: Violations,
  networking: ClusterNetworking,
  size: { nodes: number; controlPlanes: number },
  rules: NetworkRules | undefined,
  path: string,
): void {
  found.check(isMember(PodNetwork, networking.podNetwork), `${path}.pod_network`, "is not a value of PodNetwork");
  const mode = networking.kubeProxyMode;
  found.check(isMember(KubeProxyMode, mode), `${path}.kube_proxy_mode`, "is not a value of KubeProxyMode");
  checkSubnets(found, networking, size.nodes, rules, path);
  checkApi(found, networking, size.controlPlanes, rules, path);
  const { dnsSearch, dnsDomain } = networking;
  const few = dnsSearch.length <= DNS_SEARCH_MAX;
  if (found.check(few, `${path}.dns_search`, `has ${dnsSearch.length} domains; at most ${DNS_SEARCH_MAX}`)) {
    for (const [i, name] of dnsSearch.entries()) {
      found.check(isDnsName(name), `${path}.dns_search[${i}]`, "is not a DNS name in lower case");
    }
  }
  found.check(isDnsName(dnsDomain), `${path}.dns_domain`, "is not a DNS name in lower case");
}

function checkSubnets(
  found: Violations,
  { podSubnet, serviceSubnet }: ClusterNetworking,
  nodes: number,
  rules: NetworkRules | undefined,
  path: string,
): void {
  const pods = checkRange(found, `${path}.pod_subnet`, podSubnet);
  const services = checkRange(found, `${path}.service_subnet`, serviceSubnet);
  if (pods) {
    const room = pods.prefix > POD_PREFIX ? 0 : 2 ** (POD_PREFIX - pods.prefix);
    const text = `${podSubnet} has room for ${room} nodes, each with a /${POD_PREFIX}; ${nodes} are asked for`;
    found.check(room >= nodes, `${path}.pod_subnet`, text);
  }
  if (services) {
    const good = services.prefix >= SERVICE_PREFIX_MIN && services.prefix <= SERVICE_PREFIX_MAX;
    const text = `the prefix is /${services.prefix}; from /${SERVICE_PREFIX_MIN} to /${SERVICE_PREFIX_MAX}`;
    found.check(good, `${path}.service_subnet`, text);
  }
  if (pods && services && overlaps(pods, services)) {
    found.add(`${path}.service_subnet`, `${serviceSubnet} overlaps the pod subnet ${podSubnet}`);
  }
  if (!rules) return;
  for (const [field, range] of [
    ["pod_subnet", pods],
    ["service_subnet", services],
  ] as const) {
    if (!range) continue;
    const meets = overlaps(range, rules.subnets)
      ? `clusters' own networks (${formatRange(rules.subnets)})`
      : describeRoute(rules.routes.find((route) => overlaps(range, route)));
    if (meets !== undefined) found.add(`${path}.${field}`, `${formatRange(range)} overlaps ${meets}`);
  }
}

function describeRoute(route: Range | undefined): string | undefined {
  return route && `${formatRange(route)}, which the host has a route to`;
}

function checkRange(found: Violations, field: string, text: string): Range | undefined {
  const range = parseRange(text);
  if (!range) found.add(field, `${JSON.stringify(text.slice(0, 50))} is not an IPv4 range such as 10.244.0.0/16`);
  else if (formatRange(range) !== text) found.add(field, `${text} has bits beyond its prefix: ${formatRange(range)}?`);
  else return range;
  return undefined;
}

function checkApi(
  found: Violations,
  { apiServerAddress, apiServerPort }: ClusterNetworking,
  controlPlanes: number,
  rules: NetworkRules | undefined,
  path: string,
): void {
  const address = `${path}.api_server_address`;
  if (!isIPv4(apiServerAddress)) found.add(address, "is not an IPv4 address");
  else if (apiServerAddress === "0.0.0.0") found.add(address, "0.0.0.0 is no address that clients could connect to");
  else if (rules && !apiServerAddress.startsWith("127.") && !rules.addresses.includes(apiServerAddress)) {
    found.add(address, `${apiServerAddress} is not an address of the host`);
  }
  found.check(
    apiServerAddress === API_SERVER_ADDRESS || controlPlanes <= 1,
    address,
    "several control planes are reached at an address of their own: leave it empty",
  );
  const port = `${path}.api_server_port`;
  const good = apiServerPort >= 0 && apiServerPort <= PORT_MAX;
  if (!found.check(good, port, `${apiServerPort} is not a port, 1 to 65535, or 0 for any free one`)) return;
  found.check(
    apiServerPort === 0 || controlPlanes <= 1,
    port,
    "several control planes are reached at an address of their own: only 0",
  );
}

function isDnsName(name: string): boolean {
  return name.length <= DNS_NAME_LENGTH_MAX && DNS_NAME.test(name);
}
