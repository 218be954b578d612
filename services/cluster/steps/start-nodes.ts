import { startContainer } from "../../common/engine/api/containers.ts";
import { EngineError } from "../../common/engine/errors.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

const PORT_TAKEN = /port is already allocated|address already in use/;
const CALL_TIMEOUT_MS = 120_000;
/** Its turn may be far off when very many are started at once. */
const STEP_TIMEOUT_MS = 30 * 60_000;

/** Control planes first: what the others wait for is theirs. Does nothing for those that run already. */
export const startNodes: Step<ClusterContext> = {
  name: "start-nodes",
  timeoutMs: STEP_TIMEOUT_MS,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    ctx.progress(-1, "starting the nodes");
    await Promise.all(nodesOfJob(ctx).map(({ meta }) => startNode(ctx, containerNameOfNode(meta!.name))));
  },
};

async function startNode({ tools, signal }: ClusterContext, container: string): Promise<void> {
  const limits = { signal, timeoutMs: CALL_TIMEOUT_MS };
  try {
    await tools.slots.run(true, signal, () => startContainer(tools.engine, container, limits));
  } catch (error) {
    if (!(error instanceof EngineError) || !PORT_TAKEN.test(error.message)) throw error;
    throw failedPrecondition("PORT_IN_USE", error.message, { host: tools.host, container });
  }
}
