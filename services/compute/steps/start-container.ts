import { startContainer } from "../../common/engine/api/containers.ts";
import { EngineError, isEngineNotFound, isEngineUnavailable } from "../../common/engine/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { readMetadata } from "../../common/jobs/metadata.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";
import { checkStarted } from "./check-started.ts";
import { clearRemains } from "./clear-remains.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

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
  attempts: ENGINE_ATTEMPTS,
  beginsBeside: true,
  needed: ({ instance }) => instance.spec!.power !== PowerState.POWER_STATE_STOPPED,
  async do(ctx) {
    const id = await needContainer(ctx);
    // Of one that this run has made nothing can be left.
    if (!ctx.isNew || readMetadata(ctx.operation).resumes > 0) await clearRemains(ctx, id);
    const limits = { signal: ctx.signal, timeoutMs: CALL_TIMEOUT_MS };
    try {
      await ctx.tools.slots.run(true, ctx.signal, () => startContainer(ctx.tools.engine, id, limits));
    } catch (error) {
      if (error instanceof EngineError && PORT_TAKEN.test(error.message)) {
        throw failedPrecondition("PORT_IN_USE", error.message, { host: ctx.tools.host });
      }
      const cutOff = isEngineUnavailable(error) && (error.statusCode === 0 || TASK_LEFT_BEHIND.test(error.message));
      if (cutOff) await clearRemains(ctx, id);
      if (!isEngineNotFound(error) || !error.message.includes("network")) throw error;
      // The realm's network was removed behind our back.
      ctx.tools.network.forget();
      await ctx.tools.network.ensure(ctx.signal);
      await startContainer(ctx.tools.engine, id, limits);
    }
    await checkStarted(ctx);
  },
};
