import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { isContainerOf } from "../nodes/own-container.ts";
import { checkPortsFree } from "./reserve-ports.ts";
import { waitUntil } from "./wait-until.ts";

const SEEN_TIMEOUT_MS = 30_000;
const INTERVAL_MS = 20;

/** Ports of the host lead to those nodes that run. */
export const openPorts: Step<ClusterContext> = {
  name: "open-ports",
  timeoutMs: 60_000,
  attempts: 5,
  needed: (ctx) => ctx.nodes.some(hasPorts),
  do: open,
};

/** Before the nodes are started: who has a port first keeps it. */
export const checkPorts: Step<ClusterContext> = {
  name: "check-ports",
  timeoutMs: 30_000,
  attempts: 3,
  needed: (ctx) => nodesOfJob(ctx).some(hasPorts),
  do: checkPortsFree,
};

export const closePorts: Step<ClusterContext> = {
  name: "close-ports",
  timeoutMs: 30_000,
  attempts: 10,
  do: ({ tools, cluster, signal }) => tools.nodePorts.remove(cluster, signal),
};

/** Nodes that kind made have none. */
function hasPorts({ reservation }: Node): boolean {
  return (reservation?.ports.length ?? 0) > 0;
}

/** What keeps the ports goes by what is seen of the engine. */
async function open(ctx: ClusterContext): Promise<void> {
  const { tools, signal } = ctx;
  const nodes = nodesOfJob(ctx).filter(hasPorts);
  await waitUntil({
    what: "the nodes' containers are seen to run",
    timeoutMs: SEEN_TIMEOUT_MS,
    intervalMs: INTERVAL_MS,
    signal,
    look: async () => {
      const all = [...tools.observer.all("container")].filter(({ state }) => state === "running");
      const runs = nodes.every((node) => all.some(({ id, labels }) => isContainerOf(node, id, labels)));
      return runs ? true : undefined;
    },
  });
  await tools.nodePorts.open(ctx.cluster, ctx.nodes, signal);
}
