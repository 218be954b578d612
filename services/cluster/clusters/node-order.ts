import { type Node, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";

/** Control planes first, each role by number: the first is the one that the others join. */
export function compareNodes(a: Node, b: Node): number {
  return roleRank(a) - roleRank(b) || numberOf(a) - numberOf(b);
}

function roleRank({ spec }: Node): number {
  return spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE ? 0 : 1;
}

/** 1 of `dev-worker`, 12 of `dev-worker12`. */
export function numberOf(node: Node): number {
  return Number(/-(?:control-plane|worker)(\d*)$/.exec(node.meta!.name)?.[1] || 1);
}
