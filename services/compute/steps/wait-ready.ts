import { inspectContainer } from "../../common/engine/api/containers.ts";
import { type ContainerState, containerFromInspect } from "../../common/engine/state.ts";
import type { Step } from "../../common/jobs/api.ts";
import { PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { waitInnerEngine } from "../inner-engine/wait-ready.ts";
import { hasInnerEngine } from "../instances/defaults.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { crashError, hasCrashed } from "./crash.ts";
import { needContainer } from "./find-container.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

const INNER_ENGINE_TIMEOUT_MS = 120_000;

/** With an inner engine: that engine answers over mutual TLS. What is not started is looked at, for its status. */
export const waitReady: Step<InstanceContext> = {
  name: "wait-ready",
  timeoutMs: INNER_ENGINE_TIMEOUT_MS + 30_000,
  attempts: ENGINE_ATTEMPTS,
  needed: (ctx) => hasInnerEngine(ctx.instance.spec!) || isToBeStopped(ctx),
  async do(ctx) {
    if (isToBeStopped(ctx)) {
      await look(ctx);
      return;
    }
    const container = ctx.container ?? (await look(ctx));
    ctx.progress(-1, "waiting for the inner engine");
    ctx.innerEngineVersion = await waitInnerEngine(await ctx.tools.innerEngines.target(ctx.instance), {
      timeoutMs: INNER_ENGINE_TIMEOUT_MS,
      signal: ctx.signal,
      giveUp: async () => {
        const seen = ctx.tools.observer.get("container", container.id);
        // However it ended: without the main process there is no inner engine.
        return seen && (hasCrashed(seen) || seen.state === "exited") ? crashError(ctx, seen) : undefined;
      },
    });
  },
};

/** Asks the engine, and keeps the answer for the status that the end of the job writes. */
export async function look(ctx: InstanceContext): Promise<ContainerState> {
  const raw = await inspectContainer(ctx.tools.engine, await needContainer(ctx), { signal: ctx.signal });
  ctx.container = containerFromInspect(raw);
  return ctx.container;
}

export function isToBeStopped({ instance }: InstanceContext): boolean {
  return instance.spec?.power === PowerState.POWER_STATE_STOPPED;
}
