import { hostname } from "node:os";
import { join } from "node:path";
import { LOG_LEVELS, type LogLevel } from "../log/log.ts";
import { DEFAULT_LIMITS, type RpcLimits } from "../rpc/limits.ts";
import { type ConfigReader, REQUIRED } from "./config.ts";

/** What every process of Gantry is told. */
export interface ProcessConfig {
  /** Host id, for example `rack1-07`. */
  hostName: string;
  dataDir: string;
  tlsDir: string;
  /** Path of public.jwk. */
  tokenKeysPath: string;
  /** Empty: no metrics and health over HTTP. */
  metricsListen: string;
  logLevel: LogLevel;
  /** How long calls that run may go on when the process is told to stop. */
  drainTimeoutMs: number;
  /** For createGrpcServer and createProxy. */
  rpcLimits: RpcLimits;
}

const HOST_ID = /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/;
const HOST_ID_CHARS_MAX = 40;

export function readProcessConfig(c: ConfigReader, defaults: { metricsListen: string }): ProcessConfig {
  const dataDir = c.path("GANTRY_DATA_DIR", "/var/lib/gantry", "Folder of everything Gantry keeps on this host");
  return {
    hostName: c.string("GANTRY_HOST_NAME", hostIdOf(hostname()) ?? REQUIRED, "Id of this host in the realm", {
      pattern: HOST_ID,
      hint: "must be 1 to 40 of a-z, 0-9 and -, begin with a letter and not end with -",
    }),
    dataDir,
    tlsDir: c.path("GANTRY_TLS_DIR", join(dataDir, "tls"), "Folder of ca.crt and this process's certificate and key"),
    tokenKeysPath: c.path(
      "GANTRY_TOKEN_KEYS",
      join(dataDir, "token", "public.jwk"),
      "Public keys that tokens are checked with",
    ),
    metricsListen: c.hostPort("GANTRY_METRICS_LISTEN", defaults.metricsListen, "HTTP address of /metrics and /healthz"),
    logLevel: c.oneOf("GANTRY_LOG_LEVEL", LOG_LEVELS, "info", "Least level that is logged"),
    drainTimeoutMs: c.durationMs("GANTRY_DRAIN_TIMEOUT", "10s", "How long calls may go on after a stop was asked for", {
      min: 0,
      max: 600_000,
    }),
    rpcLimits: readRpcLimits(c),
  };
}

function readRpcLimits(c: ConfigReader): RpcLimits {
  const { defaultDeadlineMs, callsPerPrincipal, messageBytesMax, firstMessageTimeoutMs } = DEFAULT_LIMITS;
  return {
    defaultDeadlineMs: c.durationMs(
      "GANTRY_RPC_DEFAULT_DEADLINE",
      `${defaultDeadlineMs / 1_000}s`,
      "Deadline of a unary call that came without one",
      { min: 1_000, max: 3_600_000 },
    ),
    callsPerPrincipal: c.integer(
      "GANTRY_RPC_CALLS_PER_PRINCIPAL",
      callsPerPrincipal,
      "Calls that one user or process may have under way at once",
      { min: 1, max: 1_000_000 },
    ),
    messageBytesMax: c.sizeBytes("GANTRY_RPC_MESSAGE_MAX", String(messageBytesMax), "Largest message, either way", {
      min: 65_536,
      max: 2 ** 26,
    }),
    firstMessageTimeoutMs: c.durationMs(
      "GANTRY_RPC_FIRST_MESSAGE_TIMEOUT",
      `${firstMessageTimeoutMs / 1_000}s`,
      "How long the first message of a client's stream may take",
      { min: 1_000, max: 600_000 },
    ),
  };
}

/** `Rack1-07.example.org` gives `rack1-07`; undefined when nothing usable is left. */
export function hostIdOf(name: string): string | undefined {
  const id = (name.toLowerCase().split(".")[0] ?? "")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, HOST_ID_CHARS_MAX)
    .replace(/-+$/, "");
  return HOST_ID.test(id) ? id : undefined;
}
