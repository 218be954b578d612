import { setTimeout as delay } from "node:timers/promises";
import { inspectContainer, stopContainer } from "../../common/engine/api/containers.ts";
import { isEngineUnavailable } from "../../common/engine/errors.ts";
import { type ContainerState, containerFromInspect } from "../../common/engine/state.ts";
import { unavailable } from "../../common/errors/errors.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { endOrphanShims, hasLivingProcess, hasShim } from "./orphan-shim.ts";

/** Between two questions to the engine. */
const ENGINE_POLL_MS = 200;
/** How long the engine may take to tell the end of what was ended here. Of a process that was not yet started it tells none. */
const END_TOLD_TIMEOUT_MS = 3_000;
/** How long the supervisor of a container that has just ended may take to end itself. */
const SHIM_GRACE_MS = 500;
const POLL_MS = 50;

/**
 * An engine that is killed while it starts a container does not know afterwards that the container runs. When it starts it once more it kills
 * the one that runs, takes the end of that for the end of the new one, starts it again, and so on for ever: each time it says that the main
 * process was killed, and each time it lives. (With a policy that does not restart, it is taken for ended, and lives.)
 */
export async function isMisjudged(ctx: InstanceContext, seen: ContainerState): Promise<boolean> {
  if (seen.state === "running" || seen.state === "paused") return false;
  if (!(await hasLivingProcess(seen.id))) return false;
  // The engine does not answer while it starts a container: what is the same now was so while the process was seen.
  const now = await ask(ctx, seen.id);
  return now.state === seen.state && now.restartCount === seen.restartCount && +time(now) === +time(seen);
}

/**
 * After a start that was cut off: ends what it left behind. UNAVAILABLE when there was something to clear: the engine must not start the
 * container while it may still be told the end of what was there before.
 */
export async function clearRemains(ctx: InstanceContext, id: string): Promise<void> {
  let seen = await ask(ctx, id);
  if (seen.state === "running" || seen.state === "paused") return;
  const misjudged = seen.state === "restarting";
  if (misjudged) {
    if (!(await isMisjudged(ctx, seen))) return;
    // Ends the engine's own restarts; it takes the process for ended and does not touch it.
    await stopContainer(ctx.tools.engine, id, 0, { signal: ctx.signal });
    seen = await ask(ctx, id);
  } else if (await endsByItself(ctx, id)) {
    return;
  }
  const ended = await endOrphanShims(id);
  if (ended === 0 && !misjudged) return;
  await endTold(ctx, seen);
  ctx.log.warn(
    { container: id, ended },
    "an earlier start of the container was cut off: what it left behind was ended",
  );
  throw unavailable("ENGINE_BUSY", "what an earlier start of the container left behind is being cleared away");
}

async function endsByItself(ctx: InstanceContext, id: string): Promise<boolean> {
  const endMs = performance.now() + SHIM_GRACE_MS;
  for (;;) {
    if (!(await hasShim(id))) return true;
    if (performance.now() > endMs) return false;
    await delay(POLL_MS, undefined, { signal: ctx.signal });
  }
}

async function endTold(ctx: InstanceContext, before: ContainerState): Promise<void> {
  const endMs = performance.now() + END_TOLD_TIMEOUT_MS;
  while (performance.now() < endMs && +time(await ask(ctx, before.id)) === +time(before)) {
    await delay(POLL_MS, undefined, { signal: ctx.signal });
  }
}

function time({ finishTime }: ContainerState): Date {
  return finishTime ?? new Date(0);
}

/** What the engine says, as soon as it answers. */
async function ask(ctx: InstanceContext, id: string): Promise<ContainerState> {
  for (;;) {
    try {
      return containerFromInspect(await inspectContainer(ctx.tools.engine, id, { signal: ctx.signal }));
    } catch (error) {
      if (!isEngineUnavailable(error)) throw error;
      await delay(ENGINE_POLL_MS, undefined, { signal: ctx.signal });
    }
  }
}
