import { type Condition, ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import type { ContainerState } from "../../common/engine/state.ts";

export const CONDITION_CRASH_LOOP = "CrashLoop";

/** A main process that the engine has started again this often, and that has ended again, is in a loop: about a second after the start. */
export const CRASH_RESTARTS_MAX = 3;
/** A main process that runs that long is out of it. As the engine has it, whose pauses begin anew then. */
export const CRASH_FREE_MS = 10_000;

/** Whether the engine starts the main process again and again, as an inspect of the container shows it. */
export function isCrashLooping(container: ContainerState): boolean {
  const { state, detailed, restartCount, startTime, finishTime } = container;
  if (state !== "restarting" || !detailed || restartCount < CRASH_RESTARTS_MAX) return false;
  return startTime === undefined || finishTime === undefined || +finishTime - +startTime < CRASH_FREE_MS;
}

/** As a shell has it: ended by SIGKILL. */
const KILLED = 137;

/** A loop whose ends are not the main process's own: something kills it, and not for want of memory. */
export function isKilledAgainAndAgain(container: ContainerState): boolean {
  return isCrashLooping(container) && container.exitCode === KILLED && !container.oomKilled;
}

/** Until a main process that runs is out of the loop that the condition tells of; 0 when it is, or never was in one. */
export function crashFreeInMs(known: Condition | undefined, container: ContainerState | undefined, now: Date): number {
  if (known?.status !== ConditionStatus.CONDITION_STATUS_TRUE || container?.state !== "running") return 0;
  return Math.max(0, +(container.startTime ?? now) + CRASH_FREE_MS - +now);
}

/** The condition as the container shows it; undefined for an instance that never was in a loop. */
export function crashLoopCondition(
  known: Condition | undefined,
  container: ContainerState | undefined,
  now: Date,
): Omit<Condition, "lastTransitionTime"> | undefined {
  if (container && isCrashLooping(container)) {
    const times = `started again ${container.restartCount} times since its start`;
    return {
      type: CONDITION_CRASH_LOOP,
      status: ConditionStatus.CONDITION_STATUS_TRUE,
      reason: container.oomKilled ? "OutOfMemory" : "MainProcessEnds",
      message: `main process ended with ${container.exitCode}, ${times}`,
    };
  }
  if (known === undefined || crashFreeInMs(known, container, now) > 0) return known;
  // Between two ends nothing is known yet.
  if (container?.state === "restarting" && known.status === ConditionStatus.CONDITION_STATUS_TRUE) return known;
  return {
    type: CONDITION_CRASH_LOOP,
    status: ConditionStatus.CONDITION_STATUS_FALSE,
    reason: container?.state === "running" ? "Runs" : "NotStartedAgain",
    message: "",
  };
}
