import {
  type Instance,
  InstanceState,
  PowerState,
  RestartPolicy,
} from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { ContainerState } from "../../common/engine/state.ts";
import { isKilledAgainAndAgain } from "../observe/crash-loop.ts";

/** Job that closes a difference. `repair` makes the container anew where it is gone, and starts it where it only does not run. */
export type Correction = "delete" | "repair" | "start" | "stop" | "pause" | "resume";

/**
 * What has to be done for the container (undefined: there is none) to be as wanted; undefined when nothing has, or when it is someone else's
 * turn: a job's, the engine's restart policy's, or the user's after a failed creation.
 */
export function difference(instance: Instance, container: ContainerState | undefined): Correction | undefined {
  const { meta, spec } = instance;
  if (!meta || !spec || meta.operation !== "") return undefined;
  if (meta.deleteTime) return "delete";
  if (!container) return wasNeverMade(instance) ? undefined : "repair";
  const wanted = spec.power;
  switch (container.state) {
    case "running":
      if (wanted === PowerState.POWER_STATE_STOPPED) return "stop";
      return wanted === PowerState.POWER_STATE_PAUSED ? "pause" : undefined;
    case "paused":
      if (wanted === PowerState.POWER_STATE_STOPPED) return "stop";
      return wanted === PowerState.POWER_STATE_RUNNING ? "resume" : undefined;
    case "restarting":
      // Or the engine would start it for ever.
      if (wanted === PowerState.POWER_STATE_STOPPED) return "stop";
      // It may be the engine itself that kills what it starts: a start looks, and clears away what makes it do so.
      return isKilledAgainAndAgain(container) ? "start" : undefined;
    case "created":
    case "exited":
      if (wanted === PowerState.POWER_STATE_STOPPED) return undefined;
      return comesBack(spec.restartPolicy, container) ? "start" : undefined;
    default:
      return undefined;
  }
}

/** A creation that failed and was kept for inspection: its user decides. */
function wasNeverMade({ status }: Instance): boolean {
  return status?.state === InstanceState.INSTANCE_STATE_FAILED && status.observedGeneration === 0n;
}

/** The engine's own policy does not bring back what was killed or stopped by hand. */
function comesBack(policy: RestartPolicy, { state, exitCode }: ContainerState): boolean {
  if (policy === RestartPolicy.RESTART_POLICY_NEVER) return false;
  if (policy === RestartPolicy.RESTART_POLICY_ON_FAILURE) return state === "created" || exitCode !== 0;
  return true;
}
