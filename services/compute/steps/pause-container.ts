import { pauseContainer, unpauseContainer } from "../../common/engine/api/containers.ts";
import { isEngineStatus } from "../../common/engine/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";
import { look } from "./wait-ready.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

export const pauseContainerStep: Step<InstanceContext> = {
  name: "pause-container",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  do: (ctx) => bringTo(ctx, "paused", pauseContainer),
};

export const resumeContainerStep: Step<InstanceContext> = {
  name: "resume-container",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  do: (ctx) => bringTo(ctx, "running", unpauseContainer),
};

/** The engine refuses to pause what is paused; a step may run twice. */
async function bringTo(ctx: InstanceContext, state: string, call: typeof pauseContainer): Promise<void> {
  try {
    await call(ctx.tools.engine, await needContainer(ctx), { signal: ctx.signal });
  } catch (error) {
    if (!isEngineStatus(error, 409) && !isEngineStatus(error, 500)) throw error;
    const seen = await look(ctx);
    if (seen.state === state) return;
    throw failedPrecondition("WRONG_STATE", `the container of ${ctx.name} is ${seen.state}: ${error.message}`);
  }
}
