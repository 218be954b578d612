import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { ClusterContext } from "./context.ts";

/** The nodes that a job is about: those it names, or all of the cluster's. Control planes first. */
export function nodesOfJob(ctx: ClusterContext): Node[] {
  const named = new Set(ctx.parameters.nodes);
  return named.size === 0 ? ctx.nodes : ctx.nodes.filter(({ meta }) => named.has(meta!.name));
}
