import { stopContainer, unpauseContainer } from "../../common/engine/api/containers.ts";
import type { Step } from "../../common/jobs/api.ts";
import { stopTimeoutSeconds } from "../instances/duration.ts";
import { STOP_TIMEOUT_MAX_MS } from "../instances/limits.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";
import { endOrphanShims, hasLivingProcess } from "./orphan-shim.ts";
import { look } from "./wait-ready.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

const RUNNING: ReadonlySet<string> = new Set(["running", "paused"]);
/** The engine needs a moment beyond the stop timeout itself. */
const MARGIN_MS = 60_000;

export const stopContainerStep: Step<InstanceContext> = {
  name: "stop-container",
  timeoutMs: STOP_TIMEOUT_MAX_MS + 2 * MARGIN_MS,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    const { engine } = ctx.tools;
    const id = await needContainer(ctx);
    // A frozen process can't heed the stop signal.
    const { state } = await look(ctx);
    if (state === "paused") await unpauseContainer(engine, id, { signal: ctx.signal });
    const seconds = stopTimeoutSeconds(ctx.parameters.stopTimeout, ctx.instance.spec?.stopTimeout);
    await stopContainer(engine, id, seconds, { signal: ctx.signal, timeoutMs: seconds * 1000 + MARGIN_MS });
    // A process that the engine had taken for ended (see clear-remains.ts) is not touched by its stop.
    if (!RUNNING.has(state) && (await hasLivingProcess(id))) await endOrphanShims(id);
  },
};
