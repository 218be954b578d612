import { mkdir, writeFile } from "node:fs/promises";
import { delimiter } from "node:path";
import { connect } from "node:net";
import { Engine } from "../../../services/common/engine/engine.ts";
import type { ProgramSpec } from "../process/program.ts";
import { processesWithArgument } from "../process/processes.ts";
import { waitUntil } from "../process/wait-until.ts";
import { programPath } from "../process/find-program.ts";
import { containerdConfig, type EngineOptions, engineConfig } from "./engine-config.ts";
import { setUpNetwork } from "./network.ts";
import { type EnginePaths, enginePaths } from "./paths.ts";

const READY_TIMEOUT_MS = 60_000;
const PING_TIMEOUT_MS = 5_000;
const STOP_TIMEOUT_MS = 20_000;

export interface PrivateEngineOptions extends EngineOptions {
  dir: string;
  /** Folders of dockerd, containerd and the rest, with colons between, to be found before the machine's own. */
  programsDir?: string | undefined;
  env: NodeJS.ProcessEnv;
  orphanSignal: NodeJS.Signals;
}

export interface PrivateEngine {
  paths: EnginePaths;
  /** To be started in this order and stopped in the other. */
  programs: [containerd: ProgramSpec, dockerd: ProgramSpec];
}

/**
 * Prepares a Docker engine of its own beside any other: own containerd, data, sockets, bridge and addresses. Containers
 * live on while it is stopped.
 */
export async function preparePrivateEngine(options: PrivateEngineOptions): Promise<PrivateEngine> {
  const paths = enginePaths(options.dir);
  await mkdir(paths.dir, { recursive: true, mode: 0o711 });
  await formerEnded(paths);
  await writeFile(paths.containerd.configFile, containerdConfig(paths));
  await writeFile(paths.configFile, `${JSON.stringify(engineConfig(paths, options), null, 2)}\n`);
  await setUpNetwork(options.network);
  const path = programPath([options.programsDir ?? "", options.env["PATH"] ?? ""].join(delimiter));
  const common = {
    // Both would take settings of a user's Docker client for their own.
    env: { ...options.env, PATH: path, DOCKER_HOST: undefined, DOCKER_CONTEXT: undefined },
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: "SIGTERM",
    stopTimeoutMs: STOP_TIMEOUT_MS,
    orphanSignal: options.orphanSignal,
  } as const;
  const containerd: ProgramSpec = {
    ...common,
    name: "containerd",
    command: "containerd",
    args: ["--config", paths.containerd.configFile],
    logPath: paths.containerd.log,
    isReady: () => accepts(paths.containerd.socket),
  };
  const dockerd: ProgramSpec = {
    ...common,
    name: "dockerd",
    command: "dockerd",
    args: ["--config-file", paths.configFile],
    logPath: paths.log,
    isReady: (signal) => answers(paths.socket, signal),
  };
  return { paths, programs: [containerd, dockerd] };
}

/** Whether containers of a private engine run, also while the engine is stopped: each has a supervisor that knows its containerd. */
export function hasContainers(dir: string): boolean {
  return processesWithArgument(enginePaths(dir).containerd.socket).length > 0;
}

/** Daemons that were told to end, for example since their parent was killed, hold their locks until they have. */
async function formerEnded(paths: EnginePaths): Promise<void> {
  const files = [paths.configFile, paths.containerd.configFile];
  await waitUntil(async () => (files.flatMap(processesWithArgument).length === 0 ? true : undefined), {
    what: `end of the engine that still runs in ${paths.dir}`,
    timeoutMs: STOP_TIMEOUT_MS,
  });
}

/** Rejects while the engine behind the socket does not answer. */
export async function answers(socketPath: string, signal: AbortSignal): Promise<void> {
  const engine = new Engine({ socketPath });
  try {
    await engine.ping({ timeoutMs: PING_TIMEOUT_MS, signal });
  } finally {
    engine.close();
  }
}

function accepts(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    socket.on("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
  });
}
