import { type Instance, type InstanceSpec, RestartPolicy } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import {
  type Identity,
  identityLabels,
  KIND_INSTANCE,
  KIND_VOLUME,
  LABEL_LIMITS_VIEW,
  LIMITS_VIEW_LXCFS,
} from "../../common/engine/labels.ts";
import { innerEngineCommand } from "../inner-engine/command.ts";
import { hasInnerEngine } from "./defaults.ts";
import { stopTimeoutSeconds } from "./duration.ts";

/** The engine keeps that much of an instance's output: it must not fill the host's disk. */
const LOG_CONFIG = { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } };

export const INNER_ENGINE_DATA_PATH = "/var/lib/docker";

export interface DeviceRequest {
  Driver?: string;
  Count?: number;
  DeviceIDs?: string[];
  Capabilities?: string[][];
}

/** A path of the host that stands over one of the container. */
export interface ViewMount {
  source: string;
  target: string;
}

export interface ContainerInput {
  /** With defaults filled in, and placed: meta.uid and reservation are set. */
  instance: Instance;
  /** Id of the realm. */
  realm: string;
  /** Name of the realm's own network. */
  network: string;
  /** For the devices reserved. */
  deviceRequests: DeviceRequest[];
  /** Address range of networks inside inner engines, for example `10.214.0.0/16`. */
  innerPool: string;
  /** What shows the container its own limits instead of the host; none where the host has nothing of the kind. */
  limitsView?: readonly ViewMount[];
}

/** Body of POST /containers/create, as far as it is used here. */
export type ContainerOptions = ReturnType<typeof containerOptions>;

/** What the engine is asked to create for an instance. Several networks in one call need API 1.44 (see create-container.ts). */
export function containerOptions(input: ContainerInput) {
  const { instance, realm, network, deviceRequests, innerPool, limitsView = [] } = input;
  const meta = instance.meta!;
  const spec = instance.spec!;
  const inner = hasInnerEngine(spec);
  const ipv4 = instance.reservation?.ipv4 ?? "";
  const command = inner ? innerEngineCommand(innerPool) : spec.command;
  return {
    Image: spec.image,
    Hostname: spec.hostname,
    Env: environment(spec, inner),
    ...(command.length > 0 ? { Cmd: command } : {}),
    ...(spec.entrypoint.length > 0 ? { Entrypoint: spec.entrypoint } : {}),
    Labels: {
      ...identityLabels({ name: meta.name, uid: meta.uid, kind: KIND_INSTANCE, realm }),
      ...(limitsView.length > 0 ? { [LABEL_LIMITS_VIEW]: LIMITS_VIEW_LXCFS } : {}),
    },
    StopTimeout: stopTimeoutSeconds(spec.stopTimeout),
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [`${port.port}/${port.protocol}`, {}])),
    HostConfig: {
      ...limits(spec),
      ...(spec.diskBytes > 0n ? { StorageOpt: { size: String(spec.diskBytes) } } : {}),
      RestartPolicy: enginePolicy(spec.restartPolicy),
      Privileged: spec.privileged,
      CgroupnsMode: "private",
      NetworkMode: network,
      PortBindings: portBindings(spec),
      DeviceRequests: deviceRequests,
      LogConfig: LOG_CONFIG,
      Mounts: [
        ...(inner ? [innerEngineData({ name: meta.name, uid: meta.uid, kind: KIND_VOLUME, realm })] : []),
        ...limitsView.map(viewMount),
      ],
    },
    NetworkingConfig: {
      EndpointsConfig: {
        [network]: ipv4 === "" ? {} : { IPAMConfig: { IPv4Address: ipv4 } },
        ...Object.fromEntries(spec.networks.map((name) => [name, {}])),
      },
    },
  };
}

/** No limit is 0 for memory and processor, and -1 for processes in an update (0 leaves them as they are). */
export function limits(spec: Pick<InstanceSpec, "cpuMillis" | "memoryBytes" | "pidsMax">) {
  const memory = Number(spec.memoryBytes);
  return {
    NanoCpus: Number(spec.cpuMillis) * 1e6,
    Memory: memory,
    // Equal to memory: no swap beyond it, so that the limit is what it says.
    MemorySwap: memory,
    PidsLimit: spec.pidsMax === 0n ? -1 : Number(spec.pidsMax),
  };
}

/**
 * `unless-stopped` and not `always`: after a reboot or a restart of the engine, what was stopped stays stopped.
 */
export function enginePolicy(policy: RestartPolicy): { Name: string } {
  switch (policy) {
    case RestartPolicy.RESTART_POLICY_NEVER:
      return { Name: "no" };
    case RestartPolicy.RESTART_POLICY_ON_FAILURE:
      return { Name: "on-failure" };
    default:
      return { Name: "unless-stopped" };
  }
}

/** Named after the uid: a later instance of the same name never gets it. */
export function innerEngineVolume(uid: string): string {
  return `gantry-${uid}-docker`;
}

function innerEngineData(volume: Identity) {
  return {
    Type: "volume",
    Source: innerEngineVolume(volume.uid),
    Target: INNER_ENGINE_DATA_PATH,
    VolumeOptions: { Labels: identityLabels(volume) },
  };
}

function viewMount({ source, target }: ViewMount) {
  return { Type: "bind", Source: source, Target: target, ReadOnly: false };
}

function environment(spec: InstanceSpec, inner: boolean): string[] {
  // Without it the official image makes certificates of its own.
  const own = inner ? { DOCKER_TLS_CERTDIR: "" } : {};
  return Object.entries({ ...spec.env, ...own }).map(([name, value]) => `${name}=${value}`);
}

function portBindings(spec: InstanceSpec): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { hostIp, hostPort, port, protocol } of spec.ports) {
    (bindings[`${port}/${protocol}`] ??= []).push({ HostIp: hostIp, HostPort: hostPort === 0 ? "" : String(hostPort) });
  }
  return bindings;
}
