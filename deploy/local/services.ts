import { join } from "node:path";
import type { ProgramSpec } from "./process/program.ts";

const root = join(import.meta.dirname, "..", "..");
const READY_TIMEOUT_MS = 30_000;
const HEALTH_TIMEOUT_MS = 2_000;
/** Longer than a service's own limit for its drain. */
const STOP_TIMEOUT_MS = 20_000;

export type ServiceName = "compute" | "cluster" | "gateway";

const MAINS: Record<ServiceName, string> = {
  compute: "services/compute/main.ts",
  cluster: "services/cluster/main.ts",
  gateway: "gateway/main.ts",
};
/** MiB of one half of V8's young generation (16 by default): a service that rests should be small. */
export const YOUNG_GENERATION_MIB = 4;

/**
 * Of Gantry's own processes and its Redis: what is asked of them is little work for the processor, but somebody waits for it, also while
 * a hundred containers start. The engine and the containers keep theirs.
 */
export const CONTROL_PLANE_NICE = -10;

export interface ServiceOptions {
  dataDir: string;
  hostName: string;
  logLevel: string;
  /** `host:port` of /healthz. */
  metricsListen: string;
  /** Its own settings. */
  settings: Record<string, string>;
  env: NodeJS.ProcessEnv;
  orphanSignal: NodeJS.Signals;
  inheritFd?: number;
}

/** How a process of Gantry is started on this machine. */
export function serviceProgram(name: ServiceName, options: ServiceOptions): ProgramSpec {
  return {
    name,
    command: process.execPath,
    args: [
      "--disable-warning=ExperimentalWarning",
      `--max-semi-space-size=${YOUNG_GENERATION_MIB}`,
      join(root, MAINS[name]),
    ],
    env: {
      ...options.env,
      GANTRY_DATA_DIR: options.dataDir,
      GANTRY_HOST_NAME: options.hostName,
      GANTRY_LOG_LEVEL: options.logLevel,
      GANTRY_METRICS_LISTEN: options.metricsListen,
      ...options.settings,
    },
    logPath: join(options.dataDir, "log", `${name}.log`),
    isReady: (signal) => healthy(options.metricsListen, signal),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: "SIGTERM",
    stopTimeoutMs: STOP_TIMEOUT_MS,
    orphanSignal: options.orphanSignal,
    nice: CONTROL_PLANE_NICE,
    ...(options.inheritFd === undefined ? {} : { inheritFd: options.inheritFd }),
  };
}

async function healthy(listen: string, signal: AbortSignal): Promise<void> {
  const answer = await fetch(`http://${listen}/healthz`, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(HEALTH_TIMEOUT_MS)]),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`/healthz answers ${answer.status}`);
}

export interface RealmAddresses {
  redisUrl: string;
  engineSocket: string;
  /** It was started for the realm. */
  engineOwned: boolean;
  /** `host:port` of each. */
  compute: string;
  /** Empty: there is none. */
  cluster: string;
  http: string;
  grpc: string;
  instanceImage: string;
  /** Node image of clusters that name none; undefined: the service's own default. */
  nodeImage?: string | undefined;
  /** Of the realm's network on the engine; undefined: compute's own default. */
  networkName?: string | undefined;
  /** Subnet of the realm's network; undefined: compute finds a free one. */
  realmSubnet?: string | undefined;
  /** Where clusters' networks are; undefined: the service's own default. */
  clusterSubnets?: string | undefined;
}

export function computeSettings(addresses: RealmAddresses): Record<string, string> {
  return {
    GANTRY_REDIS_URL: addresses.redisUrl,
    GANTRY_ENGINE_SOCKET: addresses.engineSocket,
    GANTRY_ENGINE_OWNED: String(addresses.engineOwned),
    GANTRY_LISTEN: addresses.compute,
    GANTRY_INSTANCE_IMAGE: addresses.instanceImage,
    ...(addresses.cluster === "" ? {} : { GANTRY_SERVICES: `cluster=${addresses.cluster}` }),
    ...(addresses.networkName === undefined ? {} : { GANTRY_NETWORK: addresses.networkName }),
    ...(addresses.realmSubnet === undefined ? {} : { GANTRY_NETWORK_SUBNET: addresses.realmSubnet }),
  };
}

export function clusterSettings(addresses: RealmAddresses): Record<string, string> {
  return {
    GANTRY_REDIS_URL: addresses.redisUrl,
    GANTRY_ENGINE_SOCKET: addresses.engineSocket,
    GANTRY_LISTEN: addresses.cluster,
    GANTRY_SERVICES: `compute=${addresses.compute}`,
    ...(addresses.nodeImage === undefined ? {} : { GANTRY_NODE_IMAGE: addresses.nodeImage }),
    ...(addresses.clusterSubnets === undefined ? {} : { GANTRY_CLUSTER_SUBNETS: addresses.clusterSubnets }),
  };
}

const LOOPBACK = /^(127(\.\d+){3}|\[::1\]|localhost):/;

export interface GatewayAddresses extends Pick<RealmAddresses, "compute" | "cluster" | "http" | "grpc"> {
  tlsDir: string;
}

/** On loopback HTTP is plain, so that a browser needs not be told of the realm's CA; elsewhere it never is. */
export function gatewaySettings({ compute, cluster, http, grpc, tlsDir }: GatewayAddresses): Record<string, string> {
  return {
    GANTRY_HTTP_LISTEN: http,
    GANTRY_GRPC_LISTEN: grpc,
    GANTRY_SERVICES: [`compute=${compute}`, ...(cluster === "" ? [] : [`cluster=${cluster}`])].join(","),
    ...(LOOPBACK.test(http)
      ? {}
      : { GANTRY_HTTP_TLS_CERT: join(tlsDir, "gateway.crt"), GANTRY_HTTP_TLS_KEY: join(tlsDir, "gateway.key") }),
  };
}

/** Base URL of the gateway, as a client on this machine reaches it. */
export function gatewayUrl(http: string): string {
  return `${LOOPBACK.test(http) ? "http" : "https"}://${reachable(http)}`;
}

/** `host:port`, with brackets where IPv6 needs them. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Listening on every address is no address to connect to. */
export function reachable(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}
