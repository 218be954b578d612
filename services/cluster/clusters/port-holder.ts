import { type Cluster, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { idOf } from "../../common/names/resource-names.ts";
import type { ClusterCatalog } from "./catalog.ts";
import { type HostPort, portsClash } from "./check-ports.ts";

/** Node of the host, other than `except`, to which that port leads, or will lead when it runs. Those of stopped clusters have none. */
export function portHolder(
  catalog: ClusterCatalog,
  host: string,
  port: Omit<HostPort, "field">,
  except = "",
): string | undefined {
  for (const { meta } of catalog.onHost(host).filter(isUp)) {
    for (const node of catalog.nodes.of(meta!.name)) {
      const holds = node.reservation?.ports.some((each) => portsClash(each, port)) ?? false;
      if (holds && node.meta!.name !== except) return idOf(node.meta!.name);
    }
  }
  return undefined;
}

function isUp({ spec }: Cluster): boolean {
  return spec?.power !== PowerState.POWER_STATE_STOPPED;
}
