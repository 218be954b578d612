import { type Node, type NodePort, NodeState, NodeStatus } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { ContainerState } from "../../common/engine/state.ts";
import { no, setCondition, unknown, type Verdict, yes } from "../../common/observe/condition.ts";
import type { ApiState } from "../kubernetes/observations/cluster-observations.ts";
import type { NodeView } from "../kubernetes/observations/node-view.ts";

export const CONDITION_CONTAINER_RUNNING = "ContainerRunning";
/** What Kubernetes says of the node. */
export const CONDITION_READY = "Ready";

/** What is seen of a node. */
export interface NodeSight {
  /** Undefined: there is none. */
  container: ContainerState | undefined;
  /** Ports of the host that its kernel leads to the node. */
  ports: readonly NodePort[];
  /** Undefined: Kubernetes does not know it, or cannot be asked. */
  view: NodeView | undefined;
  api: ApiState;
  /** A job works on the cluster: a container that is not there is its doing. */
  busy: boolean;
}

/** Status of a node as its container and Kubernetes show it. Pure. The status given back shares nothing with `node`. */
export function observedNodeStatus(node: Node, sight: NodeSight, now: Date): NodeStatus {
  const before = NodeStatus.fromPartial(node.status ?? {});
  const found = containerFinding(before, sight);
  const ready = readiness(sight, found.running);
  const status: NodeStatus = { ...before, state: found.state, conditions: [...before.conditions] };
  if (found.state === NodeState.NODE_STATE_STARTING) {
    if (ready.status === yes("").status) status.state = NodeState.NODE_STATE_READY;
    else if (wasReady(before, sight.container)) status.state = NodeState.NODE_STATE_NOT_READY;
  }
  if (node.meta?.deleteTime) status.state = NodeState.NODE_STATE_DELETING;
  setCondition(status.conditions, { type: CONDITION_CONTAINER_RUNNING, ...found.condition }, now);
  setCondition(status.conditions, { type: CONDITION_READY, ...ready }, now);
  return { ...status, ...facts(before, sight) };
}

interface Finding {
  state: NodeState;
  running: boolean;
  condition: Verdict;
}

function containerFinding(before: NodeStatus, { container, busy }: NodeSight): Finding {
  if (!container) return missing(before, busy);
  const ended = `the node's container ended with ${container.exitCode}`;
  switch (container.state) {
    case "running":
      return { state: NodeState.NODE_STATE_STARTING, running: true, condition: yes("Running") };
    case "paused":
      return { state: NodeState.NODE_STATE_PAUSED, running: false, condition: yes("Paused") };
    case "restarting":
      return stopped(NodeState.NODE_STATE_STARTING, "Restarting", `${ended}; the engine starts it again`);
    case "dead":
      return stopped(NodeState.NODE_STATE_FAILED, "Dead", "the engine could not remove the container whole");
    case "created":
      return container.error === ""
        ? stopped(NodeState.NODE_STATE_STOPPED, "NotStarted", "")
        : stopped(NodeState.NODE_STATE_FAILED, "StartFailed", container.error);
    default:
      return container.error === ""
        ? stopped(NodeState.NODE_STATE_STOPPED, "Exited", ended)
        : stopped(NodeState.NODE_STATE_FAILED, "StartFailed", container.error);
  }
}

/** Not yet made, being made anew, never made, or taken away by someone else. */
function missing(before: NodeStatus, busy: boolean): Finding {
  const never = before.containerId === "";
  const text = never ? "the container has not been made" : "the container is not to be found";
  const stays = busy || (never && before.state === NodeState.NODE_STATE_FAILED);
  return stopped(stays ? before.state : NodeState.NODE_STATE_LOST, "NotFound", text);
}

function stopped(state: NodeState, reason: string, message: string): Finding {
  return { state, running: false, condition: no(reason, message) };
}

/** Whether Kubernetes says that the node is Ready, in this life of its container. */
function readiness({ container, view, api }: NodeSight, running: boolean): Verdict {
  if (!running) return no("ContainerNotRunning", "");
  if (api.state !== "reachable") return unknown("ApiUnreachable", api.message);
  if (!view) return no("NotRegistered", "Kubernetes does not know the node yet");
  // What it said before its container's last start is not true any more; times of the API are whole seconds.
  const startMs = Math.floor((container?.startTime?.getTime() ?? 0) / 1_000) * 1_000;
  if (!view.heartbeat || view.heartbeat.getTime() < startMs) {
    return unknown("KubeletSilent", "the kubelet has said nothing since the container's start");
  }
  return view.ready ? yes("KubeletReady") : no("KubeletNotReady", view.message);
}

/** In this life of its container, or at least as far as is known. */
function wasReady(before: NodeStatus, container: ContainerState | undefined): boolean {
  if (before.state !== NodeState.NODE_STATE_READY && before.state !== NodeState.NODE_STATE_NOT_READY) return false;
  return before.containerId === "" || before.containerId === container?.id;
}

function facts(before: NodeStatus, { container, ports, view }: NodeSight): Partial<NodeStatus> {
  const kubeletVersion = view?.kubeletVersion || before.kubeletVersion;
  if (!container) return { kubeletVersion, ipv4: "", ports: [] };
  return {
    kubeletVersion,
    containerId: container.id,
    imageId: container.imageId || before.imageId,
    ipv4: container.addresses.find(({ ipv4 }) => ipv4 !== "")?.ipv4 ?? "",
    ports: [...container.ports, ...ports].map((port) => ({ ...port })),
    exitCode: container.exitCode,
  };
}
