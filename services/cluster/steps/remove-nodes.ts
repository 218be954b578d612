import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { removeNodeContainers } from "../nodes/find-nodes.ts";
import { removeClusterNetwork } from "./create-network.ts";

/** Containers and volumes of all nodes. What is gone already is no fault. */
export const removeNodes: Step<ClusterContext> = {
  name: "remove-nodes",
  timeoutMs: 120_000,
  attempts: 10,
  async do(ctx) {
    ctx.progress(-1, "removing the nodes");
    await removeNodeContainers(ctx.tools.engine, ctx.nodes, ctx.signal);
    await Promise.all(ctx.nodes.map(({ meta }) => ctx.tools.nodeFolders.remove(meta!.uid, ctx.signal)));
    ctx.tools.kubernetes.forget(ctx.uid);
  },
};

export const removeNetworkStep: Step<ClusterContext> = {
  name: "remove-network",
  timeoutMs: 60_000,
  attempts: 10,
  do: removeClusterNetwork,
};
