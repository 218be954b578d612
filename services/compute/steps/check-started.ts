import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { ContainerState } from "../../common/engine/state.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { clearRemains, isMisjudged } from "./clear-remains.ts";
import { crashError, hasCrashed } from "./crash.ts";
import { parseStat } from "./process-stat.ts";
import { isToBeStopped, look } from "./wait-ready.ts";

const OBSERVED_WITHIN_MS = 500;
const POLL_INTERVAL_MS = 50;
/** How long a main process that has ended before has to run now to be taken as started. */
const STEADY_MS = 500;
/** How long the engine is asked for the end of a process that is not to be seen here: it may be one of another namespace. */
const ENGINE_LAG_MS = 1_000;
/** Of a main process that keeps ending, until it is given up. */
const SETTLE_TIMEOUT_MS = 20_000;

/**
 * Right after a start: the main process runs, or has done its work. MAIN_PROCESS_ENDED when it ended badly and does not come back, CRASH_LOOP
 * when it ends each time the engine starts it. What ends later is told by the instance's status alone.
 */
export async function checkStarted(ctx: InstanceContext): Promise<void> {
  const { state, pid } = (await seenByObserver(ctx)) ?? (await look(ctx));
  if (state === "paused" || (state === "running" && lives(pid))) return;
  await settled(ctx);
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

/**
 * Asks the kernel: a process that ends at once has mostly ended before the engine says so. The kernel answers at once, where threads would take
 * several turns.
 */
function lives(pid: number): boolean {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"))?.lives === true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return false;
    throw error;
  }
}

/** Until it is clear what becomes of a main process that has ended. */
async function settled(ctx: InstanceContext): Promise<void> {
  const deadlineMs = performance.now() + SETTLE_TIMEOUT_MS;
  let start: number | undefined;
  let sinceMs = 0;
  let end: number | undefined;
  for (;;) {
    const container = await look(ctx);
    // Once for each end that the engine tells.
    if (container.finishTime?.getTime() !== end) {
      end = container.finishTime?.getTime();
      if (await isMisjudged(ctx, container)) await clearRemains(ctx, container.id);
    }
    const nowMs = performance.now();
    const late = nowMs > deadlineMs;
    if (hasCrashed(container) || (late && container.state === "restarting")) throw await crashError(ctx, container);
    if (container.state !== "running" && container.state !== "restarting") return;
    if (container.startTime?.getTime() !== start) {
      start = container.startTime?.getTime();
      sinceMs = nowMs;
    }
    const neededMs = lives(container.pid) ? STEADY_MS : ENGINE_LAG_MS;
    if (container.state === "running" && (late || nowMs - sinceMs >= neededMs)) return;
    await delay(POLL_INTERVAL_MS, undefined, { signal: ctx.signal });
  }
}
