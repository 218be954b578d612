import { pauseContainer, unpauseContainer } from "../../common/engine/api/containers.ts";
import { isEngineStatus } from "../../common/engine/errors.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";
import { containersOf } from "./stop-nodes.ts";

export const pauseNodes: Step<ClusterContext> = {
  name: "pause-nodes",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  do: (ctx) => bringTo(ctx, "paused", pauseContainer),
};

export const resumeNodes: Step<ClusterContext> = {
  name: "resume-nodes",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  do: (ctx) => bringTo(ctx, "running", unpauseContainer),
};

/** The engine refuses to pause what is paused; a step may run twice. */
async function bringTo(ctx: ClusterContext, state: string, change: typeof pauseContainer): Promise<void> {
  const others = (await containersOf(ctx)).filter((container) => container.state !== state);
  await Promise.all(
    others.map(async ({ id, name }) => {
      try {
        await change(ctx.tools.engine, id, { signal: ctx.signal });
      } catch (error) {
        if (!isEngineStatus(error, 409) && !isEngineStatus(error, 500)) throw error;
        const now = (await containersOf(ctx)).find((container) => container.id === id);
        if (now?.state === state) return;
        throw failedPrecondition("WRONG_STATE", `node ${name} is ${now?.state ?? "gone"}: ${error.message}`, {
          node: name,
        });
      }
    }),
  );
}
