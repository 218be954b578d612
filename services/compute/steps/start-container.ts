import { startContainer } from "../../common/engine/api/containers.ts";
import { EngineError, isEngineNotFound } from "../../common/engine/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";

const PORT_TAKEN = /port is already allocated|address already in use/;

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
      if (!isEngineNotFound(error) || !error.message.includes("network")) throw error;
      // The realm's network was removed behind our back.
      ctx.tools.network.forget();
      await ctx.tools.network.ensure(ctx.signal);
      await startContainer(ctx.tools.engine, id, limits);
    }
  },
};
