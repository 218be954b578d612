import { mkdir, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { programPath } from "../process/find-program.ts";
import { CONTROL_PLANE_NICE } from "../services.ts";
import type { ProgramSpec } from "../process/program.ts";

export interface PrivateRedisOptions {
  dir: string;
  /** Writes beyond it are refused; nothing is evicted. */
  memoryMaxBytes: number;
  env: NodeJS.ProcessEnv;
  orphanSignal: NodeJS.Signals;
  inheritFd?: number;
}

export interface PrivateRedis {
  url: string;
  socket: string;
  program: ProgramSpec;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const PING_TIMEOUT_MS = 2_000;

/** Prepares a Redis that only this machine's unix socket reaches and that has each write on disk before it answers. */
export async function preparePrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  const socket = join(options.dir, "redis.sock");
  const configFile = join(options.dir, "redis.conf");
  await writeFile(configFile, redisConfig(options.dir, socket, options.memoryMaxBytes), { mode: 0o600 });
  return {
    url: `unix://${socket}`,
    socket,
    program: {
      name: "redis",
      command: "redis-server",
      args: [configFile],
      env: { ...options.env, PATH: programPath(options.env["PATH"] ?? "") },
      logPath: join(options.dir, "redis.log"),
      isReady: (signal) => ping(socket, signal),
      readyTimeoutMs: READY_TIMEOUT_MS,
      stopSignal: "SIGTERM",
      stopTimeoutMs: STOP_TIMEOUT_MS,
      orphanSignal: options.orphanSignal,
      nice: CONTROL_PLANE_NICE,
      ...(options.inheritFd === undefined ? {} : { inheritFd: options.inheritFd }),
    },
  };
}

function redisConfig(dir: string, socket: string, memoryMaxBytes: number): string {
  return [
    "port 0",
    `unixsocket ${socket}`,
    "unixsocketperm 700",
    `dir ${dir}`,
    "daemonize no",
    "appendonly yes",
    "appendfsync always",
    // The append-only file is the durable copy; snapshots beside it would only cost disk writes.
    'save ""',
    "maxmemory-policy noeviction",
    `maxmemory ${memoryMaxBytes}`,
    "",
  ].join("\n");
}

/** Rejects until Redis has loaded its data and answers. */
function ping(path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path, signal });
    socket.setTimeout(PING_TIMEOUT_MS, () => socket.destroy(new Error("Redis does not answer")));
    socket.on("error", reject);
    socket.on("connect", () => socket.write("PING\r\n"));
    socket.on("data", (answer) => {
      socket.destroy();
      const text = answer.toString().trim();
      if (text === "+PONG") resolve();
      else reject(new Error(`Redis says ${text}`));
    });
    socket.on("close", () => reject(new Error("Redis closed the connection")));
  });
}
