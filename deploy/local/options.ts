import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { contextPath } from "../../gateway/cli/config/contexts.ts";
import { hostIdOf } from "../../services/common/config/process.ts";

export const USAGE = `npm start [-- OPTIONS]      brings up a realm of this one host, and keeps it running until Ctrl-C

  --check              only says what would be done and what is in the way
  --data-dir FOLDER    where everything is kept (GANTRY_DATA_DIR)
  --host-name ID       id of this host in the realm (GANTRY_HOST_NAME)
  --listen ADDRESS     address to serve on (default 127.0.0.1)
  --http-port PORT     WebSocket and HTTP of the gateway (default 9600)
  --grpc-port PORT     the one address of every gRPC service (default 9601)
  --help

  GANTRY_ENGINE_SOCKET   socket of the container engine to use
  GANTRY_REDIS_URL       a Redis to use instead of a private one
  GANTRY_INSTANCE_IMAGE  image of instances that name none
  GANTRY_NODE_IMAGE      node image of clusters that name none
  GANTRY_LOG_LEVEL       of the services' logs (default info)
`;

export interface Ports {
  http: number;
  grpc: number;
  compute: number;
  computeMetrics: number;
  cluster: number;
  clusterMetrics: number;
  gatewayMetrics: number;
}

export interface StartOptions {
  check: boolean;
  help: boolean;
  dataDir: string;
  hostName: string;
  listen: string;
  ports: Ports;
  /** Sockets that were asked for, before the usual place is tried. */
  engineSocket: string | undefined;
  dockerHost: string | undefined;
  redisUrl: string | undefined;
  instanceImage: string | undefined;
  nodeImage: string | undefined;
  logLevel: string;
  /** Where images that were made are kept. */
  cacheDir: string;
  /** Of the gantry command. */
  contextFile: string;
  /** What programs get of our own environment. */
  env: NodeJS.ProcessEnv;
}

export class OptionsError extends Error {}

const DEFAULT_PORTS: Ports = {
  http: 9600,
  grpc: 9601,
  compute: 9611,
  computeMetrics: 9711,
  cluster: 9612,
  clusterMetrics: 9712,
  gatewayMetrics: 9700,
};
const HOST_ID = /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/;

/** The only place of `npm start` that reads the command line and the environment. Throws with every problem, a line each. */
export function readOptions(args: readonly string[], env: NodeJS.ProcessEnv, isRoot: boolean): StartOptions {
  const values = parse(args);
  const problems: string[] = [];
  const port = (name: "http-port" | "grpc-port", fallback: number): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= 1 && number <= 65_535) return number;
    problems.push(`--${name} is ${JSON.stringify(text)} but must be a port from 1 to 65535`);
    return fallback;
  };
  const hostName = values["host-name"] ?? env["GANTRY_HOST_NAME"] ?? hostIdOf(hostname()) ?? "localhost";
  if (!HOST_ID.test(hostName)) {
    problems.push(
      `the host name is ${JSON.stringify(hostName)} but must be 1 to 40 of a-z, 0-9 and -, beginning with a letter`,
    );
  }
  const ports = {
    ...DEFAULT_PORTS,
    http: port("http-port", DEFAULT_PORTS.http),
    grpc: port("grpc-port", DEFAULT_PORTS.grpc),
  };
  // Further realms on one machine need ports of their own for what is inside, too.
  const shift = ports.grpc - DEFAULT_PORTS.grpc;
  for (const name of ["compute", "computeMetrics", "cluster", "clusterMetrics", "gatewayMetrics"] as const) {
    ports[name] += shift;
    if (ports[name] > 65_535 || ports[name] < 1) problems.push(`--grpc-port leaves no room for the ports above it`);
  }
  if (new Set(Object.values(ports)).size < Object.keys(ports).length)
    problems.push("--http-port and --grpc-port collide");
  if (problems.length > 0) throw new OptionsError([...new Set(problems)].join("\n"));
  const home = env["HOME"] || homedir();
  const defaultDataDir = isRoot
    ? "/var/lib/gantry"
    : join(env["XDG_STATE_HOME"] || join(home, ".local", "state"), "gantry");
  return {
    check: values.check,
    help: values.help,
    dataDir: resolve(values["data-dir"] ?? (env["GANTRY_DATA_DIR"] || defaultDataDir)),
    hostName,
    listen: values.listen ?? "127.0.0.1",
    ports,
    engineSocket: env["GANTRY_ENGINE_SOCKET"] || undefined,
    dockerHost: env["DOCKER_HOST"] || undefined,
    redisUrl: env["GANTRY_REDIS_URL"] || undefined,
    instanceImage: env["GANTRY_INSTANCE_IMAGE"] || undefined,
    nodeImage: env["GANTRY_NODE_IMAGE"] || undefined,
    logLevel: env["GANTRY_LOG_LEVEL"] || "info",
    cacheDir: join(env["XDG_CACHE_HOME"] || join(home, ".cache"), "gantry"),
    contextFile: contextPath(env),
    env: Object.fromEntries(
      Object.entries(env).filter(([name]) => !name.startsWith("GANTRY_") && !name.startsWith("npm_")),
    ),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        check: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
        "data-dir": { type: "string" },
        "host-name": { type: "string" },
        listen: { type: "string" },
        "http-port": { type: "string" },
        "grpc-port": { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new OptionsError(`${(error as Error).message}: npm start -- --help shows what there is`);
  }
}
