import { type Condition, ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import {
  type Instance,
  InstanceState,
  InstanceStatus,
  type NetworkAddress,
  PowerState,
} from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { LABEL_LIMITS_VIEW, LIMITS_VIEW_LXCFS } from "../../common/engine/labels.ts";
import type { ContainerState } from "../../common/engine/state.ts";
import { INNER_ENGINE_PORT } from "../inner-engine/command.ts";
import { hasInnerEngine } from "../instances/defaults.ts";
import { no, setCondition, yes } from "../../common/observe/condition.ts";
import { CONDITION_CRASH_LOOP, crashLoopCondition } from "./crash-loop.ts";

export const CONDITION_CONTAINER_RUNNING = "ContainerRunning";
export const CONDITION_INNER_ENGINE_READY = "InnerEngineReady";
/** Whether /proc inside shows the instance's own limits or the whole host. */
export const CONDITION_LIMITS_VISIBLE = "LimitsVisible";

/** States that tell what a job is about to do. While an operation runs on the instance only its job ends them. */
const INTENTS: ReadonlySet<InstanceState> = new Set([
  InstanceState.INSTANCE_STATE_CREATING,
  InstanceState.INSTANCE_STATE_STOPPING,
  InstanceState.INSTANCE_STATE_DELETING,
]);

/**
 * Status of an instance as its container (undefined: there is none) shows it. Pure: the same for the observer and for jobs. A state that
 * a running operation stands for is kept; everything else comes from what was observed. The status given back shares nothing with `instance`.
 */
export function observedStatus(
  instance: Instance,
  container: ContainerState | undefined,
  innerEngineReady: boolean,
  now: Date,
): InstanceStatus {
  const status = settledStatus(instance, container, innerEngineReady, now);
  const state = instance.status?.state ?? InstanceState.INSTANCE_STATE_UNSPECIFIED;
  const busy = instance.meta?.operation !== "" || instance.meta.deleteTime !== undefined;
  if (busy && INTENTS.has(state)) status.state = state;
  return status;
}

/** As observedStatus, but for the write that ends an operation: no intent is kept. */
export function settledStatus(
  instance: Instance,
  container: ContainerState | undefined,
  innerEngineReady: boolean,
  now: Date,
): InstanceStatus {
  const before = InstanceStatus.fromPartial(instance.status ?? {});
  const found = container ? seen(instance, container, innerEngineReady) : missing(instance);
  const status: InstanceStatus = { ...before, state: found.state, conditions: [...before.conditions] };
  setCondition(status.conditions, { type: CONDITION_CONTAINER_RUNNING, ...found.condition }, now);
  const known = before.conditions.find(({ type }) => type === CONDITION_CRASH_LOOP);
  const crashLoop = crashLoopCondition(known, container, now);
  if (crashLoop) setCondition(status.conditions, crashLoop, now);
  // Between two ends it runs for a moment: that is not the state it is in.
  const looping = crashLoop?.status === ConditionStatus.CONDITION_STATUS_TRUE;
  if (looping && status.state === InstanceState.INSTANCE_STATE_RUNNING) {
    status.state = InstanceState.INSTANCE_STATE_STARTING;
  }
  if (instance.spec && hasInnerEngine(instance.spec)) {
    const ready = found.running && innerEngineReady;
    setCondition(
      status.conditions,
      {
        type: CONDITION_INNER_ENGINE_READY,
        status: ready ? ConditionStatus.CONDITION_STATUS_TRUE : ConditionStatus.CONDITION_STATUS_FALSE,
        reason: ready ? "Answers" : found.running ? "DoesNotAnswer" : "ContainerNotRunning",
        message: "",
      },
      now,
    );
  }
  if (!container) return { ...status, addresses: [], ports: [], dockerHost: "" };
  setCondition(status.conditions, { type: CONDITION_LIMITS_VISIBLE, ...limitsVisible(container) }, now);
  return { ...status, ...facts(instance, container, found.running) };
}

function limitsVisible({ labels }: ContainerState): Finding["condition"] {
  return labels[LABEL_LIMITS_VIEW] === LIMITS_VIEW_LXCFS
    ? { ...yes("Lxcfs"), message: "the number of processors only where lxcfs runs with --enable-cfs" }
    : no("NoLxcfs", "the host had no lxcfs when the container was made");
}

interface Finding {
  state: InstanceState;
  running: boolean;
  condition: Pick<Condition, "status" | "reason" | "message">;
}

function seen(instance: Instance, container: ContainerState, innerEngineReady: boolean): Finding {
  const inner = instance.spec !== undefined && hasInnerEngine(instance.spec);
  switch (container.state) {
    case "running": {
      const state =
        inner && !innerEngineReady ? InstanceState.INSTANCE_STATE_STARTING : InstanceState.INSTANCE_STATE_RUNNING;
      return { state, running: true, condition: yes("Running") };
    }
    case "paused":
      return { state: InstanceState.INSTANCE_STATE_PAUSED, running: true, condition: yes("Paused") };
    case "restarting":
      return {
        state: InstanceState.INSTANCE_STATE_STARTING,
        running: false,
        condition: no("Restarting", `main process ended with ${container.exitCode}; the engine starts it again`),
      };
    case "created":
      return container.error === ""
        ? { state: InstanceState.INSTANCE_STATE_STOPPED, running: false, condition: no("NotStarted", "") }
        : failed("StartFailed", container.error);
    case "dead":
      return failed("Dead", "the engine could not remove the container whole");
    default:
      return ended(instance, container);
  }
}

/** The main process ended: as wanted, by itself, or badly. */
function ended(instance: Instance, container: ContainerState): Finding {
  const wanted = instance.spec?.power === PowerState.POWER_STATE_STOPPED;
  const text = `main process ended with ${container.exitCode}`;
  if (container.error !== "" && !wanted) return failed("StartFailed", container.error);
  if (container.oomKilled && !wanted) return failed("OutOfMemory", `${text}: killed at its memory limit`);
  if (container.exitCode !== 0 && !wanted) return failed("Exited", text);
  return { state: InstanceState.INSTANCE_STATE_STOPPED, running: false, condition: no("Exited", text) };
}

/** No container: not yet made, never made, or taken away by someone else. */
function missing(instance: Instance): Finding {
  const state = instance.status?.state ?? InstanceState.INSTANCE_STATE_UNSPECIFIED;
  const never = (instance.status?.containerId ?? "") === "";
  const condition = no("NotFound", never ? "the container has not been made" : "the container is not to be found");
  if (never && (state === InstanceState.INSTANCE_STATE_FAILED || state === InstanceState.INSTANCE_STATE_CREATING)) {
    return { state, running: false, condition };
  }
  return { state: InstanceState.INSTANCE_STATE_LOST, running: false, condition };
}

function facts(instance: Instance, container: ContainerState, running: boolean): Partial<InstanceStatus> {
  const addresses = addressesOf(instance, container);
  const ipv4 = addresses[0]?.ipv4 ?? "";
  const inner = instance.spec !== undefined && hasInnerEngine(instance.spec);
  const found: Partial<InstanceStatus> = {
    containerId: container.id,
    addresses,
    ports: container.ports.map((port) => ({ ...port })),
    dockerHost: inner && running && ipv4 !== "" ? `tcp://${ipv4}:${INNER_ENGINE_PORT}` : "",
    exitCode: container.exitCode,
  };
  if (container.imageId !== "") found.imageId = container.imageId;
  if (!container.detailed) return found;
  return {
    ...found,
    oomKilled: container.oomKilled,
    startTime: container.startTime,
    finishTime: container.finishTime,
    restartCount: container.restartCount,
  };
}

/** The realm's own network first: the one that the spec does not name. */
function addressesOf(instance: Instance, container: ContainerState): NetworkAddress[] {
  const asked = instance.spec?.networks ?? [];
  return container.addresses
    .filter((address) => address.ipv4 !== "" || address.ipv6 !== "")
    .map((address) => ({ ...address }))
    .toSorted((a, b) => asked.indexOf(a.network) - asked.indexOf(b.network));
}

function failed(reason: string, message: string): Finding {
  return { state: InstanceState.INSTANCE_STATE_FAILED, running: false, condition: no(reason, message) };
}
