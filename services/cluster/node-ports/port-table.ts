import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { PortTable } from "./rules.ts";

/** Of those nodes that run; undefined where no port of the host leads to any of them. */
export function portTable(
  { meta, reservation }: Cluster,
  nodes: readonly Node[],
  bridge: string,
): PortTable | undefined {
  const ports = nodes.flatMap((node) => {
    const { ipv4: to = "", ports: own = [] } = node.reservation ?? {};
    return own.map(({ hostIp, hostPort, protocol, port }) => ({ hostIp, hostPort, protocol, to, port }));
  });
  return ports.length === 0 ? undefined : { uid: meta!.uid, subnet: reservation!.subnet, bridge, ports };
}
