import { stopContainer, unpauseContainer } from "../../common/engine/api/containers.ts";
import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { type FoundContainer, findNodeContainers } from "../nodes/find-nodes.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** For the node's services, etcd among them, to end in order; what has not heeded the signal by then (pods may ignore it) is killed. */
const STOP_SECONDS = 7;
/** The engine needs a moment beyond that. */
const MARGIN_MS = 60_000;

export const stopNodes: Step<ClusterContext> = {
  name: "stop-nodes",
  timeoutMs: STOP_SECONDS * 1_000 + 2 * MARGIN_MS,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    ctx.progress(-1, "stopping the nodes");
    await Promise.all((await containersOf(ctx)).map((container) => stopNode(ctx, container)));
  },
};

export async function stopNode(
  { tools, signal }: ClusterContext,
  { id, state }: Pick<FoundContainer, "id" | "state">,
): Promise<void> {
  // A frozen process can't heed the stop signal.
  if (state === "paused") await unpauseContainer(tools.engine, id, { signal });
  await stopContainer(tools.engine, id, STOP_SECONDS, { signal, timeoutMs: STOP_SECONDS * 1_000 + MARGIN_MS });
}

export function containersOf({ tools, nodes, signal }: ClusterContext): Promise<FoundContainer[]> {
  return findNodeContainers(tools.engine, nodes, signal);
}
