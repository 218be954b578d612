import { type GpuDevice, HostState } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { Instance, InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import { parseSelector } from "../../common/names/selector.ts";
import { portsClash } from "../instances/check-spec.ts";
import { type Candidate, freeOf, hostId, type PlacementRules } from "./candidate.ts";
import { chooseGpus, gpuHolders } from "./gpus.ts";

export interface Demand {
  spec: InstanceSpec;
  /** Project id. */
  project: string;
}

export interface Refusal {
  reason: string;
  /** Whether the instance asks for other hosts than this. */
  notMeant: boolean;
  /** Whether it ends without anybody's doing: the same request may be sent again. */
  passing: boolean;
}

/** Why the candidate is not for this instance; undefined when it is. */
type Filter = (demand: Demand, candidate: Candidate, rules: PlacementRules) => string | undefined;

const isAlive: Filter = (_, { host }) => {
  if (host.status?.state === HostState.HOST_STATE_READY) return undefined;
  return host.status?.state === HostState.HOST_STATE_DEGRADED ? "its engine does not answer" : "it is lost";
};

const isSchedulable: Filter = (_, { host }) => (host.spec?.unschedulable ? "it is unschedulable" : undefined);

const isChosen: Filter = ({ spec }, { host }) => {
  const placement = spec.placement;
  if (!placement) return undefined;
  if (placement.host !== "" && placement.host !== hostId(host)) return `the placement asks for ${placement.host}`;
  if (placement.hostSelector !== "" && !parseSelector(placement.hostSelector)(host.meta?.labels ?? {})) {
    return "its labels do not match the host selector";
  }
  return undefined;
};

const isKnown: Filter = ({ spec }, { host }) => {
  const unknown = Object.keys(host.status?.capabilities ?? {}).length === 0;
  return unknown && capabilitiesNeeded(spec).length > 0 ? "what it can do is still being found out" : undefined;
};

const isCapable: Filter = ({ spec }, { host }) => {
  const missing = capabilitiesNeeded(spec).find((name) => !host.status?.capabilities[name]?.available);
  if (missing !== undefined) return `it has no capability ${missing}`;
  return undefined;
};

const hasRoom: Filter = ({ spec }, candidate, rules) => {
  const free = freeOf(candidate, rules);
  if (Number(spec.cpuMillis) > free.cpuMillis) {
    return `${Math.max(0, free.cpuMillis)} thousandths of a processor are free, ${spec.cpuMillis} asked for`;
  }
  if (Number(spec.memoryBytes) > free.memoryBytes) {
    return `${Math.max(0, free.memoryBytes)} bytes of memory are free, ${spec.memoryBytes} asked for`;
  }
  return undefined;
};

const hasPorts: Filter = ({ spec, project }, { instances }) => {
  for (const port of spec.ports) {
    const other = instances.find((instance) => instance.spec?.ports.some((taken) => portsClash(taken, port)));
    if (other) return `its port ${port.hostPort} is taken by ${holderOf(other, project)}`;
  }
  return undefined;
};

const hasGpus: Filter = ({ spec }, { host, instances }) => {
  if (spec.gpus.length === 0) return undefined;
  const devices = host.status?.gpus ?? [];
  const choice = chooseGpus(spec.gpus, devices, gpuHolders(withChoices(instances, devices)));
  return "reason" in choice ? `it ${choice.reason}` : undefined;
};

const keepsDistance: Filter = ({ spec, project }, { instances }) => {
  const text = spec.placement?.antiAffinity ?? "";
  if (text === "") return undefined;
  const matches = parseSelector(text);
  const neighbour = instances.find(
    ({ meta }) => meta !== undefined && projectOf(meta.name) === project && matches(meta.labels),
  );
  return neighbour ? `${neighbour.meta?.name} runs there, which the anti-affinity rules out` : undefined;
};

/** Those whose devices are chosen when their job runs count with devices that they might get. */
function withChoices(instances: readonly Instance[], devices: readonly GpuDevice[]): Instance[] {
  const waiting: Instance[] = [];
  const settled: Instance[] = [];
  for (const instance of instances) {
    const waits = (instance.spec?.gpus.length ?? 0) > 0 && (instance.reservation?.gpus.length ?? 0) === 0;
    (waits ? waiting : settled).push(instance);
  }
  for (const instance of waiting) {
    const choice = chooseGpus(instance.spec!.gpus, devices, gpuHolders(settled));
    if ("ids" in choice) settled.push({ ...instance, reservation: { ipv4: "", gpus: choice.ids } });
  }
  return settled;
}

/** In the order in which a reason is told: the first that holds is given. */
const FILTERS: readonly Filter[] = [
  isAlive,
  isSchedulable,
  isChosen,
  isKnown,
  isCapable,
  hasRoom,
  hasPorts,
  hasGpus,
  keepsDistance,
];
const PASSING: ReadonlySet<Filter> = new Set([isAlive, isKnown]);

/** Undefined when the candidate is for this instance. */
export function refusal(demand: Demand, candidate: Candidate, rules: PlacementRules): Refusal | undefined {
  for (const filter of FILTERS) {
    const reason = filter(demand, candidate, rules);
    if (reason === undefined) continue;
    const notMeant = isChosen(demand, candidate, rules) !== undefined;
    const passing = PASSING.has(filter) && isSchedulable(demand, candidate, rules) === undefined;
    return { reason, notMeant, passing };
  }
  return undefined;
}

/** Who has something, as the owner of `project` may be told: another project's names are not for it. */
export function holderOf(instance: Instance, project: string): string {
  const name = instance.meta?.name ?? "";
  return projectOf(name) === project ? name : "an instance of another project";
}

/** Capabilities a host must have for the spec, those it asks for by name included. */
export function capabilitiesNeeded(spec: InstanceSpec): string[] {
  const needed = new Set(spec.placement?.capabilities);
  if (spec.privileged) needed.add("privileged");
  if (spec.diskBytes > 0n) needed.add("disk-limit");
  return [...needed];
}
