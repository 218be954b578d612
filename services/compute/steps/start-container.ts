import { setTimeout as delay } from "node:timers/promises";
import { inspectContainer, startContainer } from "../../common/engine/api/containers.ts";
import { EngineError, isEngineNotFound, isEngineUnavailable } from "../../common/engine/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { readMetadata } from "../../common/jobs/metadata.ts";
import { failedPrecondition, unavailable } from "../../common/errors/errors.ts";
import { PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";
import { checkStarted } from "./check-started.ts";
import { endOrphanShims } from "./orphan-shim.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

const PORT_TAKEN = /port is already allocated|address already in use/;

/** The engine was killed in a start before this one. */
const TASK_LEFT_BEHIND = /failed to create task for container: mkdir \S+: file exists/;
/** Between two questions whether an engine that went away in a start is back. */
const ENGINE_POLL_MS = 200;
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
    if (readMetadata(ctx.operation).resumes > 0) await clearRemains(ctx, id);
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

/**
 * After a start that was cut off. UNAVAILABLE when there was something to clear: the engine must not start the container while its runtime is
 * still clearing away, or it takes the end of the old one for that of the new one, over and over.
 */
async function clearRemains(ctx: InstanceContext, id: string): Promise<void> {
  if (await isRunning(ctx, id)) return;
  const ended = await endOrphanShims(id);
  if (ended === 0) return;
  ctx.log.warn(
    { container: id, ended },
    "an earlier start of the container was cut off: what it left behind was ended",
  );
  throw unavailable("ENGINE_BUSY", "what an earlier start of the container left behind is being cleared away");
}

/** As the engine says it, as soon as it answers. */
async function isRunning(ctx: InstanceContext, id: string): Promise<boolean> {
  for (;;) {
    try {
      return (await inspectContainer(ctx.tools.engine, id, { signal: ctx.signal })).State.Running;
    } catch (error) {
      if (!isEngineUnavailable(error)) throw error;
      await delay(ENGINE_POLL_MS, undefined, { signal: ctx.signal });
    }
  }
}
