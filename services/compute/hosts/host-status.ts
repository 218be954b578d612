import { ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import {
  type Capability,
  type GpuDevice,
  type HostAddress,
  type HostResources,
  HostState,
  HostStatus,
} from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { ObserverStatus } from "../../common/engine/observer/observer.ts";
import { setCondition } from "../../common/observe/condition.ts";
import type { Inventory } from "./inventory.ts";

export const CONDITION_HOST_ALIVE = "Alive";
export const CONDITION_ENGINE_READY = "EngineReady";
export const CONDITION_CAPABILITIES_KNOWN = "CapabilitiesKnown";
export const CONDITION_DEVICES_READABLE = "DevicesReadable";

/** What a host knows of itself. Undefined: not found out yet, the record keeps what it says. */
export interface HostFacts {
  engine: ObserverStatus;
  inventory: Inventory | undefined;
  addresses: HostAddress[] | undefined;
  capabilities: Record<string, Capability> | undefined;
  gpus: { devices: GpuDevice[]; problems: string[] } | undefined;
  /** By service, as far as known: others' in the record are kept. */
  endpoints: Record<string, string>;
  /** Placed on the host. */
  instances: readonly Instance[];
}

/** The host's status from what it knows of itself. Pure; shares nothing with `before` that it changes. */
export function hostStatus(before: HostStatus | undefined, facts: HostFacts, now: Date): HostStatus {
  const status = HostStatus.fromPartial(before ?? {});
  status.state = stateOf(status.state, facts.engine);
  status.conditions = [...status.conditions];
  status.endpoints = { ...status.endpoints, ...facts.endpoints };
  const { inventory, addresses, capabilities, gpus } = facts;
  if (inventory)
    Object.assign(status, { kernel: inventory.kernel, engine: inventory.engine, hardware: inventory.hardware });
  if (addresses) status.addresses = addresses;
  if (capabilities) status.capabilities = capabilities;
  if (gpus) status.gpus = gpus.devices;
  status.gpus = status.gpus.map((device) => ({ ...device, instances: holdersOf(device.id, facts.instances) }));
  status.capacity = capacityOf(status, inventory);
  status.allocated = allocatedTo(facts.instances);
  setConditions(status, facts, now);
  return status;
}

/** While the engine is asked for the first time, the record's word stands. */
function stateOf(before: HostState, engine: ObserverStatus): HostState {
  if (engine.state === "live") return HostState.HOST_STATE_READY;
  if (engine.state === "resyncing" && before === HostState.HOST_STATE_READY) return before;
  return HostState.HOST_STATE_DEGRADED;
}

function capacityOf(status: HostStatus, inventory: Inventory | undefined): HostResources {
  const before = status.capacity;
  return {
    cpuMillis: inventory ? BigInt(inventory.cpuMillis) : (before?.cpuMillis ?? 0n),
    memoryBytes: inventory ? BigInt(inventory.memoryBytes) : (before?.memoryBytes ?? 0n),
    diskBytes: inventory ? BigInt(inventory.diskBytes) : (before?.diskBytes ?? 0n),
    gpus: status.gpus.length,
    instances: 0,
  };
}

function allocatedTo(instances: readonly Instance[]): HostResources {
  const sum = (field: "cpuMillis" | "memoryBytes" | "diskBytes"): bigint =>
    instances.reduce((total, { spec }) => total + (spec?.[field] ?? 0n), 0n);
  const gpus = new Set(instances.flatMap(({ reservation }) => reservation?.gpus ?? []));
  return {
    cpuMillis: sum("cpuMillis"),
    memoryBytes: sum("memoryBytes"),
    diskBytes: sum("diskBytes"),
    gpus: gpus.size,
    instances: instances.length,
  };
}

function holdersOf(device: string, instances: readonly Instance[]): string[] {
  return instances
    .filter(({ reservation }) => reservation?.gpus.includes(device))
    .map(({ meta }) => meta?.name ?? "")
    .toSorted();
}

function setConditions(status: HostStatus, { engine, capabilities, gpus }: HostFacts, now: Date): void {
  const set = (type: string, good: boolean, reason: string, message: string): void => {
    const value = good ? ConditionStatus.CONDITION_STATUS_TRUE : ConditionStatus.CONDITION_STATUS_FALSE;
    setCondition(status.conditions, { type, status: value, reason, message }, now);
  };
  set(CONDITION_HOST_ALIVE, true, "Heartbeat", "");
  if (engine.state === "live") set(CONDITION_ENGINE_READY, true, "Live", "");
  else if (status.state !== HostState.HOST_STATE_READY) set(CONDITION_ENGINE_READY, false, "NoAnswer", engine.message);
  if (capabilities) set(CONDITION_CAPABILITIES_KNOWN, true, "Probed", "");
  else if (Object.keys(status.capabilities).length === 0) set(CONDITION_CAPABILITIES_KNOWN, false, "NotProbedYet", "");
  if (!gpus) return;
  const faults = gpus.problems.join("; ");
  set(CONDITION_DEVICES_READABLE, faults === "", faults === "" ? "Read" : "FaultySpecs", faults);
}
