import { type Node, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";

export function isControlPlane({ spec }: Node): boolean {
  return spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE;
}

/** In the order of the nodes. */
export function controlPlanesOf(nodes: readonly Node[]): Node[] {
  return nodes.filter(isControlPlane);
}
