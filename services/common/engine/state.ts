import type Docker from "dockerode";

/**
 * What is known of things of an engine, in one form whether it came from a list, an inspect or an event. `detailed` tells that the
 * fields which only an inspect gives belong to the state shown.
 */

export interface ContainerState {
  id: string;
  /** Without the leading `/`. */
  name: string;
  /** As it was named at creation. */
  image: string;
  /** `sha256:...`; empty while only an event told of the container. */
  imageId: string;
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  state: string;
  labels: Record<string, string>;
  createTime: Date | undefined;
  /** While it runs. */
  addresses: ContainerAddress[];
  /** Published ports only, while it runs. */
  ports: ContainerPort[];
  /** Of the last end of the main process; 0 while it never ended. */
  exitCode: number;
  detailed: boolean;
  // From here on only with `detailed`.
  oomKilled: boolean;
  /** Why the last start failed, in the engine's words; empty otherwise. */
  error: string;
  startTime: Date | undefined;
  finishTime: Date | undefined;
  restartCount: number;
  /** Of the main process, as the engine's host sees it; 0 when it does not run. */
  pid: number;
  /** 0: no limit. */
  memoryLimitBytes: number;
}

export interface ContainerAddress {
  /** Name of the engine's network. */
  network: string;
  ipv4: string;
  ipv6: string;
  mac: string;
}

export interface ContainerPort {
  hostIp: string;
  hostPort: number;
  port: number;
  /** `tcp`, `udp`, `sctp`. */
  protocol: string;
}

export interface ImageState {
  id: string;
  tags: string[];
  digests: string[];
  sizeBytes: number;
  createTime: Date;
}

export interface NetworkState {
  id: string;
  name: string;
  driver: string;
  subnets: string[];
  labels: Record<string, string>;
}

export interface VolumeState {
  /** Volumes have no other id than their name. */
  id: string;
  driver: string;
  mountpoint: string;
  labels: Record<string, string>;
}

/** By the kind of object, as it is called in changes. */
export interface EngineStates {
  container: ContainerState;
  image: ImageState;
  network: NetworkState;
  volume: VolumeState;
}

export type EngineKind = keyof EngineStates;

export const ENGINE_KINDS: readonly EngineKind[] = ["container", "image", "network", "volume"];

export function containerFromInspect(raw: Docker.ContainerInspectInfo): ContainerState {
  return {
    id: raw.Id,
    name: raw.Name.replace(/^\//, ""),
    image: raw.Config.Image,
    imageId: raw.Image,
    state: raw.State.Status,
    labels: raw.Config.Labels ?? {},
    createTime: time(raw.Created),
    addresses: runs(raw.State.Status) ? addresses(raw.NetworkSettings.Networks) : [],
    ports: runs(raw.State.Status) ? portsOfInspect(raw.NetworkSettings.Ports) : [],
    exitCode: raw.State.ExitCode,
    detailed: true,
    oomKilled: raw.State.OOMKilled,
    error: raw.State.Error,
    startTime: time(raw.State.StartedAt),
    finishTime: time(raw.State.FinishedAt),
    restartCount: raw.RestartCount,
    pid: raw.State.Pid,
    memoryLimitBytes: raw.HostConfig.Memory ?? 0,
  };
}

/** A list says less than an inspect: what it does not say is kept from `known`. */
export function containerFromList(raw: Docker.ContainerInfo, known?: ContainerState): ContainerState {
  return {
    ...(known ?? UNDETAILED),
    id: raw.Id,
    name: (raw.Names[0] ?? "").replace(/^\//, ""),
    image: known?.image ?? raw.Image,
    imageId: raw.ImageID,
    state: raw.State,
    labels: raw.Labels ?? {},
    createTime: known?.createTime ?? new Date(raw.Created * 1000),
    addresses: runs(raw.State) ? addresses(raw.NetworkSettings?.Networks ?? {}) : [],
    ports: runs(raw.State) ? portsOfList(raw.Ports ?? []) : [],
    exitCode: exitCodeOfStatus(raw.Status) ?? known?.exitCode ?? 0,
  };
}

/** What a container is before anything is known of it. */
export const UNDETAILED: Omit<ContainerState, "id" | "name" | "image" | "state" | "labels"> = {
  imageId: "",
  createTime: undefined,
  addresses: [],
  ports: [],
  exitCode: 0,
  detailed: false,
  oomKilled: false,
  error: "",
  startTime: undefined,
  finishTime: undefined,
  restartCount: 0,
  pid: 0,
  memoryLimitBytes: 0,
};

/** `Exited (137) 3 minutes ago` says the exit code; the list has no field for it. */
function exitCodeOfStatus(status: string): number | undefined {
  const match = /^(?:Exited|Restarting) \((-?\d+)\)/.exec(status);
  return match ? Number(match[1]) : undefined;
}

export function imageFromList(raw: Docker.ImageInfo): ImageState {
  const none = (ref: string): boolean => ref !== "<none>:<none>" && ref !== "<none>@<none>";
  return {
    id: raw.Id,
    tags: (raw.RepoTags ?? []).filter(none).toSorted(),
    digests: (raw.RepoDigests ?? []).filter(none).toSorted(),
    sizeBytes: raw.Size,
    createTime: new Date(raw.Created * 1000),
  };
}

export function networkFromInspect(raw: Docker.NetworkInspectInfo): NetworkState {
  return {
    id: raw.Id,
    name: raw.Name,
    driver: raw.Driver,
    subnets: (raw.IPAM?.Config ?? []).flatMap((pool) => (pool.Subnet ? [pool.Subnet] : [])),
    labels: raw.Labels ?? {},
  };
}

export function volumeFromInspect(raw: Docker.VolumeInspectInfo): VolumeState {
  return { id: raw.Name, driver: raw.Driver, mountpoint: raw.Mountpoint, labels: raw.Labels ?? {} };
}

/** The engine's zero time, `0001-01-01T00:00:00Z`, says "never". */
function time(text: string): Date | undefined {
  return text === "" || text.startsWith("0001-") ? undefined : new Date(text);
}

interface RawAddress {
  IPAddress?: string;
  GlobalIPv6Address?: string;
  MacAddress?: string;
}

function addresses(networks: Record<string, RawAddress>): ContainerAddress[] {
  return Object.entries(networks)
    .map(([network, raw]) => ({
      network,
      ipv4: raw.IPAddress ?? "",
      ipv6: raw.GlobalIPv6Address ?? "",
      mac: raw.MacAddress ?? "",
    }))
    .toSorted((a, b) => compare(a.network, b.network));
}

/**
 * Whether the container has addresses and ports. Of one that does not run, the engine's list may still show those of its last life (when the
 * engine was away at its end), its inspect none.
 */
function runs(state: string): boolean {
  return state === "running" || state === "paused";
}

function portsOfList(ports: Docker.Port[]): ContainerPort[] {
  return sortPorts(
    ports
      .filter((port) => port.PublicPort !== undefined)
      .map((port) => ({ hostIp: port.IP, hostPort: port.PublicPort, port: port.PrivatePort, protocol: port.Type })),
  );
}

function portsOfInspect(ports: Record<string, { HostIp: string; HostPort: string }[] | null> | null): ContainerPort[] {
  const found = Object.entries(ports ?? {}).flatMap(([key, bindings]) => {
    const [port = "0", protocol = "tcp"] = key.split("/");
    const inner = { port: Number(port), protocol };
    return (bindings ?? []).map((binding) => ({
      hostIp: binding.HostIp,
      hostPort: Number(binding.HostPort),
      ...inner,
    }));
  });
  return sortPorts(found);
}

function sortPorts(ports: ContainerPort[]): ContainerPort[] {
  return ports.toSorted(
    (a, b) =>
      a.port - b.port || compare(a.protocol, b.protocol) || compare(a.hostIp, b.hostIp) || a.hostPort - b.hostPort,
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
