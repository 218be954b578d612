import { failedPrecondition, GantryError } from "../../common/errors/errors.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { withNodeLogs } from "../nodes/failure.ts";

/** What `work` does about a node's container (or the one it is then about); an error that it fails with carries what that node said last. */
export async function aboutNode<T>(
  ctx: ClusterContext,
  container: string | (() => string),
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Cancelled, stopped or out of time: whose fault it was is known already.
    ctx.signal.throwIfAborted();
    if (!(error instanceof GantryError) || "containerLog" in error.metadata) throw error;
    throw await withNodeLogs(ctx.tools.engine, typeof container === "string" ? container : container(), error);
  }
}

/** FAILED_PRECONDITION NODE_ENDED when the container of a node that is being waited for does not run (any more). */
export function needRunning(ctx: ClusterContext, container: string): void {
  const seen = ctx.tools.observer.all("container").find(({ name }) => name === container);
  if (!seen || !["exited", "dead", "restarting"].includes(seen.state)) return;
  throw failedPrecondition("NODE_ENDED", `node ${container} ended with code ${seen.exitCode}`, {
    container,
    exitCode: String(seen.exitCode),
  });
}
