import { inspectContainer } from "../../common/engine/api/containers.ts";
import { type ContainerState, containerFromInspect } from "../../common/engine/state.ts";
import type { Step } from "../../common/jobs/api.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { PowerState } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { waitInnerEngine } from "../inner-engine/wait-ready.ts";
import { hasInnerEngine } from "../instances/defaults.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

const OBSERVED_WITHIN_MS = 500;
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
      giveUp: () => {
        const seen = ctx.tools.observer.get("container", container.id);
        return seen && endedBadly(seen);
      },
    });
  },
};

/** Right after a start: the main process runs, or has done its work. */
export async function checkStarted(ctx: InstanceContext): Promise<void> {
  const ended = endedBadly((await seenByObserver(ctx)) ?? (await look(ctx)));
  if (ended) throw ended;
}

/**
 * The observer asks the engine for everything about a container that has just been started: the answer will do here too. Only for the
 * first start; undefined when it does not come soon.
 */
async function seenByObserver(ctx: InstanceContext): Promise<ContainerState | undefined> {
  const { observer } = ctx.tools;
  const id = ctx.containerId;
  if (!ctx.isNew || isToBeStopped(ctx) || id === "") return undefined;
  const ready = (): ContainerState | undefined => {
    const seen = observer.get("container", id);
    return seen?.detailed && seen.state !== "created" && seen.imageId !== "" ? seen : undefined;
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = observer.onChange(() => {
    if (ready()) resolve();
  });
  const timer = setTimeout(resolve, OBSERVED_WITHIN_MS);
  try {
    if (!ready()) await promise;
    ctx.container = ready();
    return ctx.container;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** Asks the engine, and keeps the answer for the status that the end of the job writes. */
export async function look(ctx: InstanceContext): Promise<ContainerState> {
  const raw = await inspectContainer(ctx.tools.engine, await needContainer(ctx), { signal: ctx.signal });
  ctx.container = containerFromInspect(raw);
  return ctx.container;
}

function isToBeStopped({ instance }: InstanceContext): boolean {
  return instance.spec?.power === PowerState.POWER_STATE_STOPPED;
}

function endedBadly(container: ContainerState): Error | undefined {
  const ended = container.state === "exited" || container.state === "dead";
  if (!ended || (container.exitCode === 0 && container.error === "")) return undefined;
  const why = container.error === "" ? "" : `: ${container.error}`;
  return failedPrecondition(
    "MAIN_PROCESS_ENDED",
    `the main process ended at once with code ${container.exitCode}${why}`,
    { exitCode: String(container.exitCode) },
  );
}
