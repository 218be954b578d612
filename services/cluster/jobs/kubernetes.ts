import type { KubernetesClient } from "../kubernetes/client.ts";
import { targetOf } from "../kubernetes/target.ts";
import type { ClusterContext } from "./context.ts";

/** The cluster's API, where the records say it is. */
export function apiOf(ctx: ClusterContext): KubernetesClient {
  return ctx.tools.kubernetes.for(targetOf(ctx.cluster, ctx.nodes));
}
