import { inspectContainer, startContainer } from "../../common/engine/api/containers.ts";
import { EngineError, isEngineNotFound } from "../../common/engine/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";
import { checkStarted } from "./wait-ready.ts";
import { endOrphanShims } from "./orphan-shim.ts";

const PORT_TAKEN = /port is already allocated|address already in use/;

/** The engine was killed in a start before this one. */
const TASK_LEFT_BEHIND = /failed to create task for container: mkdir \S+: file exists/;
const CALL_TIMEOUT_MS = 120_000;
/** Its turn may be far off when very many are started at once. */
const STEP_TIMEOUT_MS = 30 * 60_000;

/** Does nothing when it runs already. */
export const startContainerStep: Step<InstanceContext> = {
  name: "start-container",
  timeoutMs: STEP_TIMEOUT_MS,
  attempts: 5,
  needed: ({ instance }) => instance.spec!.power !== PowerState.POWER_STATE_STOPPED,
  async do(ctx) {
    const id = await needContainer(ctx);
    const limits = { signal: ctx.signal, timeoutMs: CALL_TIMEOUT_MS };
    try {
      await ctx.tools.slots.run(true, ctx.signal, () => startContainer(ctx.tools.engine, id, limits));
    } catch (error) {
      if (error instanceof EngineError && PORT_TAKEN.test(error.message)) {
        throw failedPrecondition("PORT_IN_USE", error.message, { host: ctx.tools.host });
      }
      if (error instanceof EngineError && TASK_LEFT_BEHIND.test(error.message)) await clearRemains(ctx, id);
      if (!isEngineNotFound(error) || !error.message.includes("network")) throw error;
      // The realm's network was removed behind our back.
      ctx.tools.network.forget();
      await ctx.tools.network.ensure(ctx.signal);
      await startContainer(ctx.tools.engine, id, limits);
    }
    await checkStarted(ctx);
  },
};

/** The step is tried again after it. */
async function clearRemains(ctx: InstanceContext, id: string): Promise<void> {
  const { State: state } = await inspectContainer(ctx.tools.engine, id, { signal: ctx.signal });
  if (state.Running) return;
  const ended = await endOrphanShims(id);
  ctx.log.warn(
    { container: id, ended },
    "an earlier start of the container was cut off: what it left behind was ended",
  );
}
