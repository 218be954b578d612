import { restartContainer } from "../../common/engine/api/containers.ts";
import type { Step } from "../../common/jobs/api.ts";
import { stopTimeoutSeconds } from "../instances/duration.ts";
import { STOP_TIMEOUT_MAX_MS } from "../instances/limits.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";
import { checkStarted } from "./check-started.ts";
import { clearRemains } from "./clear-remains.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** Stop and start take their own time beyond the stop timeout. */
const MARGIN_MS = 120_000;

export const restartContainerStep: Step<InstanceContext> = {
  name: "restart-container",
  timeoutMs: STOP_TIMEOUT_MAX_MS + 2 * MARGIN_MS,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    const seconds = stopTimeoutSeconds(ctx.instance.spec?.stopTimeout);
    const limits = { signal: ctx.signal, timeoutMs: seconds * 1000 + MARGIN_MS };
    const id = await needContainer(ctx);
    await clearRemains(ctx, id);
    await restartContainer(ctx.tools.engine, id, seconds, limits);
    await checkStarted(ctx);
  },
};
