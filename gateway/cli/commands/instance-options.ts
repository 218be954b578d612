import type { Command } from "commander";
import {
  type GpuRequest,
  InnerEngine,
  InstanceSpec,
  PowerState,
  type PortMapping,
  RestartPolicy,
} from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { readFileSync } from "node:fs";
import { UsageError } from "../exit-codes.ts";
import { parseBytes, parseCpu, parseDurationMs } from "../quantity.ts";

export interface InstanceOptions {
  image?: string;
  innerEngine?: boolean;
  cpus?: string;
  memory?: string;
  pids?: string;
  disk?: string;
  env?: string[];
  envFrom?: string;
  publish?: string[];
  network?: string[];
  gpu?: string[];
  gpuShared?: boolean;
  hostname?: string;
  userData?: string;
  restart?: string;
  privileged?: boolean;
  stopped?: boolean;
  host?: string;
  hostSelector?: string;
  antiAffinity?: string;
  stopTimeout?: string;
}

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

export function addInstanceOptions(command: Command): Command {
  return (
    command
      .option("-i, --image <reference>", "OCI image; without it a machine with a Docker engine inside")
      .option("--inner-engine", "start and offer the image's own Docker engine")
      .option("--no-inner-engine", "do not, though it is the default image")
      .option("--cpus <n>", "processors, as in 2, 0.5 or 500m")
      .option("--memory <size>", "memory, as in 512Mi or 2Gi")
      .option("--pids <n>", "most processes and threads")
      .option("--disk <size>", "size of the writable layer")
      .option(
        "-e, --env <NAME=value>",
        "environment variable, or NAME alone to take it from here (repeatable)",
        collect,
      )
      // Not `--env-file`: Node takes that for itself, wherever it stands.
      .option("--env-from <file>", "file of NAME=value lines (- for standard input)")
      .option("--publish <port>", "[[address:]host port:]port[/udp] (repeatable)", collect)
      .option("--network <name>", "further network to attach (repeatable)", collect)
      .option("--gpu <request>", "vendor.com/gpu[:count] or vendor.com/gpu=id (repeatable)", collect)
      .option("--gpu-shared", "share the GPUs with instances that ask so too")
      .option("--hostname <name>", "host name inside")
      .option("--user-data <file>", "script to run once after the first start (- for standard input)")
      .option("--restart <policy>", "always, on-failure or never")
      .option("--privileged", "full privileges on the host's devices")
      .option("--stopped", "create it, do not start it")
      .option("--host <id>", "place it on this host")
      .option("--host-selector <labels>", "place it on a host that matches")
      .option("--anti-affinity <labels>", "not on a host with a matching instance of the project")
      .option("--stop-timeout <duration>", "between the stop and the kill signal")
  );
}

const restartPolicies: Record<string, RestartPolicy> = {
  always: RestartPolicy.RESTART_POLICY_ALWAYS,
  "on-failure": RestartPolicy.RESTART_POLICY_ON_FAILURE,
  never: RestartPolicy.RESTART_POLICY_NEVER,
};

/** The spec that the options ask for; `command` is what stood behind `--`. */
export function instanceSpec(options: InstanceOptions, command: string[], env: NodeJS.ProcessEnv): InstanceSpec {
  const spec = InstanceSpec.fromPartial({
    image: options.image ?? "",
    innerEngine: innerEngineOf(options.innerEngine),
    command,
    env: { ...envFile(options.envFrom), ...Object.fromEntries((options.env ?? []).map((text) => parseEnv(text, env))) },
    hostname: options.hostname ?? "",
    userData: options.userData === undefined ? "" : readText(options.userData),
    cpuMillis: options.cpus === undefined ? 0n : parseCpu(options.cpus, "--cpus"),
    memoryBytes: options.memory === undefined ? 0n : parseBytes(options.memory, "--memory"),
    pidsMax: options.pids === undefined ? 0n : parseCount("--pids", options.pids),
    diskBytes: options.disk === undefined ? 0n : parseBytes(options.disk, "--disk"),
    networks: options.network ?? [],
    ports: (options.publish ?? []).map(parsePort),
    gpus: (options.gpu ?? []).map((text) => parseGpu(text, options.gpuShared ?? false)),
    privileged: options.privileged ?? false,
    power: options.stopped ? PowerState.POWER_STATE_STOPPED : PowerState.POWER_STATE_UNSPECIFIED,
  });
  if (options.restart !== undefined) {
    const policy = restartPolicies[options.restart];
    if (policy === undefined)
      throw new UsageError(`--restart ${options.restart}: one of ${Object.keys(restartPolicies).join(", ")}`);
    spec.restartPolicy = policy;
  }
  if (options.stopTimeout !== undefined)
    spec.stopTimeout = toDuration(parseDurationMs(options.stopTimeout, "--stop-timeout"));
  if (options.host || options.hostSelector || options.antiAffinity) {
    spec.placement = {
      host: options.host ?? "",
      hostSelector: options.hostSelector ?? "",
      capabilities: [],
      antiAffinity: options.antiAffinity ?? "",
    };
  }
  return spec;
}

export function toDuration(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}

function innerEngineOf(wanted: boolean | undefined): InnerEngine {
  if (wanted === undefined) return InnerEngine.INNER_ENGINE_UNSPECIFIED;
  return wanted ? InnerEngine.INNER_ENGINE_ENABLED : InnerEngine.INNER_ENGINE_DISABLED;
}

/** `NAME=value`, or `NAME` for the value it has here: so a secret need not stand on a command line. */
function parseEnv(text: string, env: NodeJS.ProcessEnv): [string, string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  const value = env[text];
  if (value === undefined) throw new UsageError(`--env ${text}: no such variable here; write ${text}=value`);
  return [text, value];
}

function envFile(path: string | undefined): Record<string, string> {
  if (path === undefined) return {};
  const lines = readText(path)
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => {
      const equals = line.indexOf("=");
      if (equals <= 0) throw new UsageError(`${path}: a line is not NAME=value`);
      return [line.slice(0, equals), line.slice(equals + 1)] as const;
    }),
  );
}

export function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (cause) {
    throw new UsageError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function parseCount(option: string, text: string): bigint {
  if (!/^\d{1,15}$/.test(text)) throw new UsageError(`${option} ${text}: not a whole number`);
  return BigInt(text);
}

/** Docker's form: `[[address:]host port:]port[/protocol]`; an IPv6 address in brackets. */
export function parsePort(text: string): PortMapping {
  const match = /^(?:(?:(\[[0-9a-fA-F:.]+\]|[^:[\]]+):)?(\d{0,5}):)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text);
  if (!match) throw new UsageError(`--publish ${text}: write [[address:]host port:]port[/udp]`);
  const [, address = "", hostPort = "", port = "", protocol = ""] = match;
  return { hostIp: address.replace(/^\[|\]$/g, ""), hostPort: Number(hostPort || 0), port: Number(port), protocol };
}

export function parseGpu(text: string, shared: boolean): GpuRequest {
  const id = /^([^=:\s]+\/[^=:\s]+)=(\S+)$/.exec(text);
  if (id?.[1]) return { kind: id[1], count: 0, ids: [text], shared };
  const count = /^([^=:\s]+\/[^=:\s]+)(?::(\d{1,3}))?$/.exec(text);
  if (count?.[1]) return { kind: count[1], count: Number(count[2] ?? 1), ids: [], shared };
  throw new UsageError(`--gpu ${text}: write vendor.com/gpu, vendor.com/gpu:2 or vendor.com/gpu=0`);
}
