import type { Host } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { FieldViolation } from "../../common/errors/errors.ts";
import { Violations } from "../../common/names/violations.ts";
import { portsClash } from "../instances/check-spec.ts";
import { type Candidate, hostId } from "./candidate.ts";
import { capabilitiesNeeded, type Demand, holderOf } from "./filters.ts";

/**
 * What no host of the realm could ever give, and ports that are taken where the instance must go: faults of the request. What a host has
 * no room for just now is NO_HOST_FITS instead (place.ts). `project`: id of the instance's own.
 */
export function checkDemand(
  spec: InstanceSpec,
  candidates: readonly Candidate[],
  project: string,
  path = "instance.spec",
): FieldViolation[] {
  const found = new Violations();
  const wanted = spec.placement?.host ?? "";
  const possible = candidates.filter(({ host }) => wanted === "" || hostId(host) === wanted);
  if (possible.length === 0) {
    if (wanted !== "") found.add(`${path}.placement.host`, `there is no host ${wanted}`);
    return found.list;
  }
  const hosts = possible.map(({ host }) => host);
  checkSizes(found, spec, hosts, path);
  checkCapabilities(found, spec, hosts, path);
  checkGpuKinds(found, spec, hosts, path);
  checkPortsTaken(found, { spec, project }, possible, path);
  return found.list;
}

/** Also for a resize: the host is given then. */
export function checkSizes(
  found: Violations,
  spec: Pick<InstanceSpec, "cpuMillis" | "memoryBytes" | "diskBytes">,
  hosts: readonly Host[],
  path: string,
): void {
  const most = (pick: (host: Host) => bigint | undefined): bigint =>
    hosts.reduce((max, host) => ((pick(host) ?? 0n) > max ? pick(host)! : max), 0n);
  const cpu = most((host) => host.status?.capacity?.cpuMillis);
  const memory = most((host) => host.status?.capacity?.memoryBytes);
  const disk = most((host) => host.status?.capacity?.diskBytes);
  const at = path === "" ? "" : `${path}.`;
  const biggest = hosts.length === 1 ? "the host has: " : "the biggest host has: ";
  if (spec.cpuMillis > cpu) found.add(`${at}cpu_millis`, `${spec.cpuMillis} is more than ${biggest}${cpu}`);
  if (spec.memoryBytes > memory) found.add(`${at}memory_bytes`, `${spec.memoryBytes} is more than ${biggest}${memory}`);
  if (spec.diskBytes > disk) found.add(`${at}disk_bytes`, `${spec.diskBytes} is more than ${biggest}${disk}`);
}

function checkCapabilities(found: Violations, spec: InstanceSpec, hosts: readonly Host[], path: string): void {
  // A host that has just joined is still being looked at: nothing is known to be impossible there.
  if (hosts.some((host) => Object.keys(host.status?.capabilities ?? {}).length === 0)) return;
  for (const name of capabilitiesNeeded(spec)) {
    if (hosts.some((host) => host.status?.capabilities[name]?.available)) continue;
    const asked = spec.placement?.capabilities.indexOf(name) ?? -1;
    const detail = hosts.length === 1 ? hosts[0]?.status?.capabilities[name]?.detail : undefined;
    found.add(
      asked >= 0 ? `${path}.placement.capabilities[${asked}]` : `${path}.${FIELD_OF_CAPABILITY[name]}`,
      `no host has the capability ${name}${detail ? ` (${detail})` : ""}`,
    );
  }
}

const FIELD_OF_CAPABILITY: Record<string, string> = { privileged: "privileged", "disk-limit": "disk_bytes" };

function checkGpuKinds(found: Violations, spec: InstanceSpec, hosts: readonly Host[], path: string): void {
  for (const [i, request] of spec.gpus.entries()) {
    const at = `${path}.gpus[${i}]`;
    for (const [j, id] of request.ids.entries()) {
      const known = hosts.some((host) => host.status?.gpus.some((gpu) => gpu.id === id));
      if (!known) found.add(`${at}.ids[${j}]`, `no host has the device ${id}`);
    }
    if (request.ids.length > 0) continue;
    const most = Math.max(
      ...hosts.map((host) => host.status?.gpus.filter((gpu) => gpu.kind === request.kind).length ?? 0),
    );
    if (most === 0) found.add(`${at}.kind`, `no host has devices of kind ${request.kind}`);
    else if (request.count > most) found.add(`${at}.count`, `${request.count} is more than any host has (${most})`);
  }
}

/** Only where the instance has no other host to go to. */
function checkPortsTaken(
  found: Violations,
  { spec, project }: Demand,
  possible: readonly Candidate[],
  path: string,
): void {
  const [only, ...others] = possible;
  if (!only || others.length > 0) return;
  for (const [i, port] of spec.ports.entries()) {
    const other = only.instances.find((instance) => instance.spec?.ports.some((taken) => portsClash(taken, port)));
    if (other) found.add(`${path}.ports[${i}].host_port`, `${port.hostPort} is taken by ${holderOf(other, project)}`);
  }
}
