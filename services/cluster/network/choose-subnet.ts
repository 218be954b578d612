import { listNetworks } from "../../common/engine/api/networks.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { networkFromInspect } from "../../common/engine/state.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { formatRange, freeRanges, parseRange, type Range } from "../../common/network/cidr.ts";
import { hostRoutes } from "../../common/network/host-routes.ts";
import { CLUSTER_PREFIX } from "../config.ts";

export interface SubnetQuestion {
  engine: Engine;
  /** Where clusters' networks get their subnets. */
  within: Range;
  /** Subnets that other clusters have reserved, and such as were found to be taken. */
  taken: readonly string[];
  signal: AbortSignal;
}

/** A subnet for a cluster's network that meets nothing: no route of the host, no network of the engine, no other cluster. */
export async function chooseSubnet({ engine, within, taken, signal }: SubnetQuestion): Promise<Range> {
  const [networks, routes] = await Promise.all([listNetworks(engine, { signal }), hostRoutes()]);
  const subnets = [...taken, ...networks.flatMap((network) => networkFromInspect(network).subnets)];
  const used = [
    ...routes.filter((route) => !covers(route, within)),
    ...subnets.flatMap((subnet) => parseRange(subnet) ?? []),
  ];
  const [subnet] = freeRanges(within, CLUSTER_PREFIX, used);
  if (subnet) return subnet;
  throw failedPrecondition("NO_FREE_SUBNET", `no subnet for a further cluster is free in ${formatRange(within)}`);
}

/** Such a route is where all the range comes from, and not one of its subnets. */
function covers(route: Range, within: Range): boolean {
  return (
    route.prefix < within.prefix &&
    parseRange(`${formatRange(within).split("/")[0]}/${route.prefix}`)?.first === route.first
  );
}
