import { ClusterSpec, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node, NodeSpec, NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { idOf } from "../../common/names/resource-names.ts";
import { clusterOfNode } from "./names.ts";

/** Of a fork: as the source's, but for ports of the host, which the source has. */
export function forkedSpec(source: ClusterSpec): ClusterSpec {
  const spec = ClusterSpec.decode(ClusterSpec.encode(source).finish());
  if (spec.networking) spec.networking.apiServerPort = 0;
  for (const group of spec.nodeGroups) freePorts(group.spec);
  spec.power = PowerState.POWER_STATE_RUNNING;
  return spec;
}

/** The source's nodes under the fork's name. Inside Kubernetes they keep their names, and the ranges of their pods. */
export function forkedNodes(fork: string, source: readonly Node[]): Node[] {
  return source.map(({ meta, spec: from, reservation }) => {
    const { name } = meta!;
    const role = idOf(name).slice(idOf(clusterOfNode(name)).length);
    const spec = NodeSpec.decode(NodeSpec.encode(from!).finish());
    freePorts(spec);
    return Node.fromPartial({
      meta: { name: `${fork}/nodes/${idOf(fork)}${role}`, host: meta!.host },
      spec,
      reservation: { kubernetesName: reservation!.kubernetesName, podCidr: reservation!.podCidr },
      status: { state: NodeState.NODE_STATE_CREATING },
    });
  });
}

function freePorts(spec: NodeSpec | undefined): void {
  for (const port of spec?.ports ?? []) port.hostPort = 0;
}
