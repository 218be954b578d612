import { join } from "node:path";
import type { ProgramSpec } from "./process/program.ts";

const root = join(import.meta.dirname, "..", "..");
const READY_TIMEOUT_MS = 30_000;
const HEALTH_TIMEOUT_MS = 2_000;
/** Longer than a service's own limit for its drain. */
const STOP_TIMEOUT_MS = 20_000;

export type ServiceName = "compute" | "gateway";

const MAINS: Record<ServiceName, string> = { compute: "services/compute/main.ts", gateway: "gateway/main.ts" };

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
    args: ["--disable-warning=ExperimentalWarning", join(root, MAINS[name])],
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
  /** `host:port` of each. */
  compute: string;
  http: string;
  grpc: string;
  instanceImage: string;
  /** Subnet of the realm's network; undefined: compute finds a free one. */
  realmSubnet?: string | undefined;
}

export function computeSettings(addresses: RealmAddresses): Record<string, string> {
  return {
    GANTRY_REDIS_URL: addresses.redisUrl,
    GANTRY_ENGINE_SOCKET: addresses.engineSocket,
    GANTRY_LISTEN: addresses.compute,
    GANTRY_INSTANCE_IMAGE: addresses.instanceImage,
    ...(addresses.realmSubnet === undefined ? {} : { GANTRY_NETWORK_SUBNET: addresses.realmSubnet }),
  };
}

export function gatewaySettings(
  addresses: Pick<RealmAddresses, "redisUrl" | "compute" | "http" | "grpc">,
): Record<string, string> {
  return {
    GANTRY_REDIS_URL: addresses.redisUrl,
    GANTRY_HTTP_LISTEN: addresses.http,
    GANTRY_GRPC_LISTEN: addresses.grpc,
    GANTRY_SERVICES: `compute=${addresses.compute}`,
  };
}
