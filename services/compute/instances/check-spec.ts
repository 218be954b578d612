import { isIP } from "node:net";
import {
  type GpuRequest,
  InnerEngine,
  type InstanceSpec,
  type Placement,
  type PortMapping,
  PowerState,
  RestartPolicy,
} from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Duration } from "../../../proto/gen/google/protobuf/duration.ts";
import { type FieldViolation, GantryError } from "../../common/errors/errors.ts";
import { isId } from "../../common/names/ids.ts";
import { parseSelector } from "../../common/names/selector.ts";
import { Violations } from "../../common/names/violations.ts";
import { checkEnv, checkWords } from "../../common/names/check-words.ts";
import { durationMs } from "./duration.ts";
import { isImageReference } from "../../common/engine/image-reference.ts";
import * as limit from "./limits.ts";

const HOSTNAME = /^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$/;
const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;
const GPU_KIND = /^[a-zA-Z]([-\w.]*[a-zA-Z0-9])?\/[a-zA-Z]([-\w]*[a-zA-Z0-9])?$/;
const GPU_ID = /^([a-zA-Z][-\w.]*\/[a-zA-Z][-\w]*)=[a-zA-Z0-9]([-\w.:]*[a-zA-Z0-9])?$/;
const CAPABILITY = /^[a-z0-9][-a-z0-9]{0,62}$/;
/** Names of engine networks that are not networks one can attach to. */
const PSEUDO_NETWORKS: ReadonlySet<string> = new Set(["host", "none", "default"]);

export interface SpecRules {
  defaultImage: string;
  /** The realm's own network: attached always, so it can't be asked for. */
  realmNetwork: string;
}

/**
 * Everything that is wrong with a spec in itself: what hosts, other instances and engines say to it is checked elsewhere
 * (check-demand.ts).
 */
export function checkSpec(spec: InstanceSpec, rules: SpecRules, path = "instance.spec"): FieldViolation[] {
  const found = new Violations();
  checkProcess(found, spec, rules, path);
  checkSize(found, `${path}.cpu_millis`, spec.cpuMillis, limit.CPU_MILLIS_MIN);
  checkSize(found, `${path}.memory_bytes`, spec.memoryBytes, limit.MEMORY_BYTES_MIN);
  checkPids(found, `${path}.pids_max`, spec.pidsMax);
  checkSize(found, `${path}.disk_bytes`, spec.diskBytes, 1n);
  checkNetworks(found, spec.networks, rules, `${path}.networks`);
  checkPorts(found, spec.ports, `${path}.ports`);
  checkGpus(found, spec.gpus, `${path}.gpus`);
  checkPolicies(found, spec, path);
  if (spec.placement) checkPlacement(found, spec.placement, `${path}.placement`);
  return found.list;
}

function checkProcess(found: Violations, spec: InstanceSpec, rules: SpecRules, path: string): void {
  found.check(spec.image === "" || isImageReference(spec.image), `${path}.image`, "is not an OCI image reference");
  const enginesKnown: number[] = [0, InnerEngine.INNER_ENGINE_ENABLED, InnerEngine.INNER_ENGINE_DISABLED];
  found.check(enginesKnown.includes(spec.innerEngine), `${path}.inner_engine`, "is not a value of InnerEngine");
  const inner =
    spec.innerEngine === InnerEngine.INNER_ENGINE_ENABLED ||
    (spec.innerEngine === InnerEngine.INNER_ENGINE_UNSPECIFIED &&
      (spec.image === "" || spec.image === rules.defaultImage));
  for (const field of ["entrypoint", "command"] as const) {
    const words = spec[field];
    const at = `${path}.${field}`;
    if (inner) found.check(words.length === 0, at, "is not allowed with an inner engine");
    checkWords(found, words, at);
  }
  checkEnv(found, spec.env, `${path}.env`);
  const userDataBytes = Buffer.byteLength(spec.userData);
  found.check(
    userDataBytes <= limit.USER_DATA_BYTES_MAX,
    `${path}.user_data`,
    `has ${userDataBytes} bytes; at most ${limit.USER_DATA_BYTES_MAX}`,
  );
  if (spec.hostname === "") return;
  found.check(
    spec.hostname.length <= limit.HOSTNAME_BYTES_MAX && HOSTNAME.test(spec.hostname),
    `${path}.hostname`,
    `is not a host name of at most ${limit.HOSTNAME_BYTES_MAX} bytes`,
  );
}

/** 0 means no limit. */
export function checkSize(found: Violations, path: string, value: bigint, min: bigint): void {
  if (value === 0n || value >= min) return;
  found.add(
    path,
    value < 0n ? `${value} is negative` : `${value} is less than the least possible, ${min}; 0 means no limit`,
  );
}

export function checkPids(found: Violations, path: string, value: bigint): void {
  checkSize(found, path, value, limit.PIDS_MIN);
  found.check(value <= limit.PIDS_MAX, path, `${value} is more than the kernel takes, ${limit.PIDS_MAX}`);
}

function checkNetworks(found: Violations, networks: string[], rules: SpecRules, path: string): void {
  if (
    !found.check(networks.length <= limit.NETWORKS_MAX, path, `has ${networks.length}; at most ${limit.NETWORKS_MAX}`)
  )
    return;
  for (const [i, name] of networks.entries()) {
    const at = `${path}[${i}]`;
    if (name === rules.realmNetwork) found.add(at, `the realm's own network "${name}" is always attached`);
    else if (PSEUDO_NETWORKS.has(name)) found.add(at, `"${name}" can't be attached besides the realm's own network`);
    else if (!NETWORK_NAME.test(name)) found.add(at, "is not the name of a network");
    else if (networks.indexOf(name) !== i) found.add(at, `names "${name}" a second time`);
  }
}

function checkPorts(found: Violations, ports: PortMapping[], path: string): void {
  if (!found.check(ports.length <= limit.PORTS_MAX, path, `has ${ports.length}; at most ${limit.PORTS_MAX}`)) return;
  for (const [i, port] of ports.entries()) {
    const at = `${path}[${i}]`;
    found.check(port.port >= 1 && port.port <= limit.PORT_MAX, `${at}.port`, `${port.port} is not a port, 1 to 65535`);
    found.check(
      port.hostPort >= 0 && port.hostPort <= limit.PORT_MAX,
      `${at}.host_port`,
      `${port.hostPort} is not a port, 1 to 65535, or 0 for any free one`,
    );
    found.check(["", "tcp", "udp"].includes(port.protocol), `${at}.protocol`, "is neither tcp nor udp");
    found.check(port.hostIp === "" || isIP(port.hostIp) !== 0, `${at}.host_ip`, "is not an IP address");
    const first = ports.findIndex((other) => portsClash(other, port));
    if (first !== -1 && first < i)
      found.add(`${at}.host_port`, `${port.hostPort} is asked for a second time (see [${first}])`);
  }
}

/** Whether two mappings need the same port of the host. */
export function portsClash(a: PortMapping, b: PortMapping): boolean {
  if (a.hostPort === 0 || a.hostPort !== b.hostPort) return false;
  if ((a.protocol || "tcp") !== (b.protocol || "tcp")) return false;
  const [left, right] = [a.hostIp || "127.0.0.1", b.hostIp || "127.0.0.1"];
  return left === right || isAnyAddress(left) || isAnyAddress(right);
}

function isAnyAddress(ip: string): boolean {
  return ip === "0.0.0.0" || ip === "::";
}

function checkGpus(found: Violations, gpus: GpuRequest[], path: string): void {
  if (
    !found.check(gpus.length <= limit.GPU_REQUESTS_MAX, path, `has ${gpus.length}; at most ${limit.GPU_REQUESTS_MAX}`)
  )
    return;
  const seen = new Set<string>();
  for (const [i, gpu] of gpus.entries()) {
    const at = `${path}[${i}]`;
    const kindIsGood = gpu.kind === "" ? gpu.ids.length > 0 : isShort(gpu.kind) && GPU_KIND.test(gpu.kind);
    found.check(kindIsGood, `${at}.kind`, 'is not a device kind such as "nvidia.com/gpu"');
    if (gpu.ids.length > 0) found.check(gpu.count === 0, `${at}.count`, "must be 0 when ids are given");
    else {
      const max = limit.GPUS_PER_REQUEST_MAX;
      found.check(gpu.count >= 1 && gpu.count <= max, `${at}.count`, `${gpu.count} is not 1 to ${max}`);
    }
    found.check(gpu.ids.length <= limit.GPUS_PER_REQUEST_MAX, `${at}.ids`, `at most ${limit.GPUS_PER_REQUEST_MAX}`);
    for (const [j, id] of gpu.ids.slice(0, limit.GPUS_PER_REQUEST_MAX).entries()) {
      const kind = isShort(id) ? GPU_ID.exec(id)?.[1] : undefined;
      if (kind === undefined) found.add(`${at}.ids[${j}]`, 'is not a device such as "nvidia.com/gpu=0"');
      else if (gpu.kind !== "" && kind !== gpu.kind) found.add(`${at}.ids[${j}]`, `is not of the kind "${gpu.kind}"`);
      else if (seen.has(id)) found.add(`${at}.ids[${j}]`, `names "${id}" a second time`);
      seen.add(id);
    }
  }
}

function isShort(deviceName: string): boolean {
  return deviceName.length <= limit.GPU_NAME_LENGTH_MAX;
}

function checkPolicies(found: Violations, spec: InstanceSpec, path: string): void {
  const policies: number[] = Object.values(RestartPolicy).filter((value) => value >= 0);
  found.check(policies.includes(spec.restartPolicy), `${path}.restart_policy`, "is not a value of RestartPolicy");
  const powers: number[] = [0, PowerState.POWER_STATE_RUNNING, PowerState.POWER_STATE_STOPPED];
  found.check(powers.includes(spec.power), `${path}.power`, "must be RUNNING or STOPPED, or empty for RUNNING");
  checkStopTimeout(found, spec, path);
}

export function checkStopTimeout(found: Violations, spec: Pick<InstanceSpec, "stopTimeout">, path: string): void {
  checkTimeout(found, spec.stopTimeout, `${path}.stop_timeout`);
}

/** Between stop and kill signal. */
export function checkTimeout(found: Violations, timeout: Duration | undefined, field: string): void {
  if (!timeout) return;
  const ms = durationMs(timeout);
  found.check(ms >= 0 && ms <= limit.STOP_TIMEOUT_MAX_MS, field, "must be 0 s to 1 h");
}

function checkPlacement(found: Violations, placement: Placement, path: string): void {
  found.check(placement.host === "" || isId(placement.host), `${path}.host`, "is not the id of a host");
  checkSelector(found, placement.hostSelector, `${path}.host_selector`);
  checkSelector(found, placement.antiAffinity, `${path}.anti_affinity`);
  const { capabilities } = placement;
  const at = `${path}.capabilities`;
  found.check(capabilities.length <= limit.CAPABILITIES_MAX, at, `at most ${limit.CAPABILITIES_MAX}`);
  for (const [i, name] of capabilities.slice(0, limit.CAPABILITIES_MAX).entries()) {
    found.check(CAPABILITY.test(name), `${at}[${i}]`, "is not the name of a capability");
  }
}

function checkSelector(found: Violations, text: string, field: string): void {
  try {
    if (text !== "") parseSelector(text, field);
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    found.addAll(error.violations);
  }
}
