import { type Node, NodeRole, type NodeSpec, NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { FreeRoom, HostRoom } from "./host-facts.ts";
import { CONTROL_PLANE_MEMORY_BYTES, NODE_DISK_BYTES, WORKER_MEMORY_BYTES } from "./limits.ts";

const MIB = 1024 ** 2;

/** What a node will take of its host's memory: its limit, or where it has none the least it needs. */
export function memoryDemand({ memoryBytes, role }: NodeSpec): number {
  if (memoryBytes > 0n) return Number(memoryBytes);
  return role === NodeRole.NODE_ROLE_CONTROL_PLANE ? CONTROL_PLANE_MEMORY_BYTES : WORKER_MEMORY_BYTES;
}

/**
 * FAILED_PRECONDITION HOST_TOO_SMALL when the host has no room for the nodes. `others`: nodes of the host; those that are being created have
 * not taken yet what they will.
 */
export function checkRoom(wanted: readonly NodeSpec[], others: readonly Node[], room: FreeRoom, host: string): void {
  const coming = others.filter(({ status }) => status?.state === NodeState.NODE_STATE_CREATING);
  const sum = (specs: readonly NodeSpec[]): number => specs.reduce((bytes, spec) => bytes + memoryDemand(spec), 0);
  const free = {
    memory: room.memoryBytes - sum(coming.map(({ spec }) => spec!)),
    disk: room.diskBytes - coming.length * NODE_DISK_BYTES,
  };
  const needs = { memory: sum(wanted), disk: wanted.length * NODE_DISK_BYTES };
  const short = (["memory", "disk"] as const).filter((what) => needs[what] > free[what]);
  if (short.length === 0) return;
  const text = short.map((what) => `${mib(needs[what])} MiB of ${what}, and ${mib(Math.max(0, free[what]))} are free`);
  throw failedPrecondition("HOST_TOO_SMALL", `host ${host} has no room: the nodes need ${text.join("; ")}`, { host });
}

/** As checkRoom, for a node that is there: more memory than it had must be free. */
export function checkGrowth(before: NodeSpec, after: NodeSpec, room: FreeRoom, host: string): void {
  if (after.memoryBytes <= before.memoryBytes || before.memoryBytes === 0n) return;
  const more = Number(after.memoryBytes - before.memoryBytes);
  if (more <= room.memoryBytes) return;
  const text = `host ${host} has no room: ${mib(more)} MiB of memory more, and ${mib(room.memoryBytes)} are free`;
  throw failedPrecondition("HOST_TOO_SMALL", text, { host });
}

/** FAILED_PRECONDITION NO_SUCH_DEVICE: otherwise a missing one is found when its node is started. */
export function checkDevices(wanted: readonly NodeSpec[], { devices }: Pick<HostRoom, "devices">, host: string): void {
  const missing = devices && wanted.flatMap((spec) => spec.devices).find((device) => !devices.has(device));
  if (missing === undefined) return;
  const has = devices!.size === 0 ? "none" : [...devices!].toSorted().join(", ");
  const text = `the engine of host ${host} has no device ${missing}; of its Container Device Interface it has ${has}`;
  throw failedPrecondition("NO_SUCH_DEVICE", text, { host, device: missing });
}

function mib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
