import type { ContainerState, NetworkState, VolumeState } from "../state.ts";
import { UNDETAILED } from "../state.ts";

/** One line of GET /events. */
export interface EngineEvent {
  Type: string;
  /** `start`, `exec_create: /bin/sh -c ...`, `health_status: healthy`. */
  Action: string;
  Actor: { ID: string; Attributes?: Record<string, string> };
  timeNano?: number;
}

/**
 * What an event says at once, without a question to the engine. `inspect` asks for the whole object: `soon` when the event itself
 * already told what matters, so that one question can answer several events.
 */
export type Effect =
  | { type: "container"; id: string; fallback: ContainerState; patch: Partial<ContainerState> }
  | { type: "network"; object: NetworkState }
  | { type: "volume"; object: VolumeState }
  | { type: "delete"; kind: "container" | "network" | "volume"; id: string }
  | { type: "inspect"; kind: "container" | "network" | "volume"; id: string; soon: boolean }
  | { type: "list-images" };

/** Attributes of container events that are not labels of the container. */
const NOT_LABELS = new Set(["name", "image", "exitCode", "execDuration", "signal", "oldName", "execID", "comment"]);

const STATE_AFTER: Record<string, string> = {
  create: "created",
  start: "running",
  unpause: "running",
  pause: "paused",
  die: "exited",
};

export function effectsOf(event: EngineEvent): Effect[] {
  const attributes = event.Actor.Attributes ?? {};
  switch (event.Type) {
    case "container":
      return containerEffects(event.Action, event.Actor.ID, attributes);
    case "network":
      return networkEffects(event.Action, event.Actor.ID, attributes);
    case "volume":
      return volumeEffects(event.Action, event.Actor.ID, attributes);
    case "image":
      return [{ type: "list-images" }];
    default:
      return [];
  }
}

function containerEffects(action: string, id: string, attributes: Record<string, string>): Effect[] {
  if (action === "destroy") return [{ type: "delete", kind: "container", id }];
  const state = STATE_AFTER[action];
  if (state !== undefined) {
    const patch: Partial<ContainerState> = { state, detailed: false };
    if (action === "die") {
      Object.assign(patch, { exitCode: Number(attributes["exitCode"] ?? 0), pid: 0, addresses: [], ports: [] });
    }
    return [
      { type: "container", id, fallback: fromAttributes(id, state, attributes), patch },
      { type: "inspect", kind: "container", id, soon: action === "create" },
    ];
  }
  if (action === "rename") {
    const patch = { name: attributes["name"] ?? "" };
    return [
      { type: "container", id, fallback: fromAttributes(id, "created", attributes), patch },
      { type: "inspect", kind: "container", id, soon: true },
    ];
  }
  // An unpatched state whose details have changed. A stop while the engine waits to start a container again has no `die`.
  if (action === "update" || action === "oom" || action === "stop")
    return [{ type: "inspect", kind: "container", id, soon: true }];
  return [];
}

function fromAttributes(id: string, state: string, attributes: Record<string, string>): ContainerState {
  const labels = Object.fromEntries(Object.entries(attributes).filter(([key]) => !NOT_LABELS.has(key)));
  return { ...UNDETAILED, id, name: attributes["name"] ?? "", image: attributes["image"] ?? "", state, labels };
}

function networkEffects(action: string, id: string, attributes: Record<string, string>): Effect[] {
  switch (action) {
    case "create":
      return [
        {
          type: "network",
          object: { id, name: attributes["name"] ?? "", driver: attributes["type"] ?? "", subnets: [], labels: {} },
        },
        { type: "inspect", kind: "network", id, soon: false },
      ];
    case "destroy":
      return [{ type: "delete", kind: "network", id }];
    case "connect":
    case "disconnect": {
      const container = attributes["container"];
      return container === undefined ? [] : [{ type: "inspect", kind: "container", id: container, soon: true }];
    }
    default:
      return [];
  }
}

function volumeEffects(action: string, id: string, attributes: Record<string, string>): Effect[] {
  switch (action) {
    case "create":
      return [
        { type: "volume", object: { id, driver: attributes["driver"] ?? "", mountpoint: "", labels: {} } },
        { type: "inspect", kind: "volume", id, soon: false },
      ];
    case "destroy":
      return [{ type: "delete", kind: "volume", id }];
    default:
      return [];
  }
}
