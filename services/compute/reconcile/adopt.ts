import type Docker from "dockerode";
import {
  InnerEngine,
  Instance,
  InstanceSpec,
  InstanceState,
  PowerState,
  RestartPolicy,
} from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { LABEL_NAME, LABEL_UID } from "../../common/engine/labels.ts";
import { MEMORY_UNLIMITED } from "../../common/engine/limits.ts";
import { INNER_ENGINE_DATA_PATH } from "../instances/container-options.ts";
import { STOP_TIMEOUT_DEFAULT_MS } from "../instances/limits.ts";

export interface AdoptInput {
  container: Docker.ContainerInspectInfo;
  /** Of the container's image; undefined when it is gone. */
  image: Docker.ImageInspectInfo | undefined;
  host: string;
  /** The realm's own network. */
  network: string;
}

/**
 * The instance that a container must belong to, as far as the container shows it: for a container with Gantry's labels whose record is
 * nowhere. What only the record knew (labels, user data, placement) is lost.
 */
export function adoptedInstance({ container, image, host, network }: AdoptInput): Instance {
  const { Config: config, HostConfig: hostConfig } = container;
  const labels = config.Labels;
  const inner = container.Mounts.some(
    (mount) => mount.Destination === INNER_ENGINE_DATA_PATH && mount.Name?.endsWith("-docker"),
  );
  const networks = container.NetworkSettings.Networks;
  const ipv4 = pinnedAddress(networks[network]);
  const gpus = (hostConfig.DeviceRequests ?? []).flatMap((request) => request.DeviceIDs ?? []);
  const spec = InstanceSpec.fromPartial({
    image: config.Image,
    innerEngine: inner ? InnerEngine.INNER_ENGINE_ENABLED : InnerEngine.INNER_ENGINE_DISABLED,
    entrypoint: inner ? [] : changed(words(config.Entrypoint), words(image?.Config.Entrypoint)),
    command: inner ? [] : changed(config.Cmd ?? [], image?.Config.Cmd ?? []),
    env: environment(config.Env ?? [], image?.Config.Env ?? [], inner),
    hostname: config.Hostname,
    cpuMillis: BigInt(Math.round((hostConfig.NanoCpus ?? 0) / 1e6)),
    memoryBytes: hostConfig.Memory === MEMORY_UNLIMITED ? 0n : BigInt(hostConfig.Memory ?? 0),
    pidsMax: BigInt(Math.max(0, hostConfig.PidsLimit ?? 0)),
    diskBytes: BigInt(hostConfig.StorageOpt?.["size"] ?? 0),
    networks: Object.keys(networks).filter((name) => name !== network),
    ports: ports(hostConfig.PortBindings as Record<string, Binding[]> | null),
    gpus: gpus.length > 0 ? [{ ids: gpus }] : [],
    restartPolicy: policy(hostConfig.RestartPolicy?.Name),
    privileged: hostConfig.Privileged ?? false,
    power: power(container.State),
    stopTimeout: {
      seconds: BigInt((config as { StopTimeout?: number }).StopTimeout ?? STOP_TIMEOUT_DEFAULT_MS / 1000),
    },
  });
  return Instance.fromPartial({
    meta: { name: labels[LABEL_NAME] ?? "", uid: labels[LABEL_UID] ?? "", host },
    spec,
    status: { state: InstanceState.INSTANCE_STATE_STOPPED, containerId: container.Id, observedGeneration: 1n, gpus },
    reservation: { ipv4, gpus },
  });
}

interface Binding {
  HostIp?: string;
  HostPort?: string;
}

function pinnedAddress(
  endpoint: { IPAMConfig?: { IPv4Address?: string } | null; IPAddress?: string } | undefined,
): string {
  return endpoint?.IPAMConfig?.IPv4Address || endpoint?.IPAddress || "";
}

function words(value: string | string[] | null | undefined): string[] {
  return typeof value === "string" ? [value] : (value ?? []);
}

/** Empty when it is the image's. */
function changed(value: string[], ofImage: string[]): string[] {
  return value.length === ofImage.length && value.every((word, i) => word === ofImage[i]) ? [] : value;
}

function environment(entries: string[], ofImage: string[], inner: boolean): Record<string, string> {
  const own = entries.filter((entry) => !ofImage.includes(entry) && !(inner && entry === "DOCKER_TLS_CERTDIR="));
  return Object.fromEntries(own.map((entry) => [entry.split("=", 1)[0]!, entry.slice(entry.indexOf("=") + 1)]));
}

function ports(bindings: Record<string, Binding[]> | null) {
  return Object.entries(bindings ?? {}).flatMap(([key, hosts]) => {
    const [port, protocol] = key.split("/");
    return hosts.map((host) => ({
      hostIp: host.HostIp ?? "",
      hostPort: Number(host.HostPort ?? 0),
      port: Number(port),
      protocol: protocol ?? "tcp",
    }));
  });
}

function policy(name: string | undefined): RestartPolicy {
  switch (name) {
    case "on-failure":
      return RestartPolicy.RESTART_POLICY_ON_FAILURE;
    case "always":
    case "unless-stopped":
      return RestartPolicy.RESTART_POLICY_ALWAYS;
    default:
      return RestartPolicy.RESTART_POLICY_NEVER;
  }
}

function power(state: Docker.ContainerInspectInfo["State"]): PowerState {
  if (state.Paused) return PowerState.POWER_STATE_PAUSED;
  return state.Running ? PowerState.POWER_STATE_RUNNING : PowerState.POWER_STATE_STOPPED;
}
