import { rm } from "node:fs/promises";
import { join } from "node:path";
import { preparePrivateRedis, type PrivateRedis } from "../../deploy/local/redis/private-redis.ts";
import { Program } from "../../deploy/local/process/program.ts";
import { type Registered, registerProcess, testFolder } from "./cleanup.ts";

const MEMORY_MAX_BYTES = 4 * 1024 ** 3;

export interface RedisOptions {
  /** Default: 4 GiB. */
  memoryMaxBytes?: number;
}

export interface TestRedis extends AsyncDisposable {
  /** `unix:///…/redis.sock`. */
  url: string;
  socket: string;
  /** Its folder; the append-only files are below `appendonlydir`. */
  dir: string;
  readonly pid: number;
  /** kill -9. */
  kill(): Promise<void>;
  /** After `kill` or `shutDown`: starts it on the data that it left. */
  start(): Promise<void>;
  /** An orderly stop; the data stays. */
  shutDown(): Promise<void>;
  /** Of a Redis that is down: removes its data. */
  wipe(): Promise<void>;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

/** A real Redis of its own, as `npm start` configures it. */
export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  const folder = await testFolder("redis");
  const redis: PrivateRedis = await preparePrivateRedis({
    dir: folder.path,
    memoryMaxBytes: options.memoryMaxBytes ?? MEMORY_MAX_BYTES,
    env: process.env,
    orphanSignal: "SIGKILL",
  });
  let program: Program;
  let registered: Registered;
  const start = async (): Promise<void> => {
    program = await Program.start(redis.program);
    registered = registerProcess(program.pid);
  };
  const down = async (how: () => Promise<unknown>): Promise<void> => {
    await how();
    await program.ended;
    registered.forget();
  };
  await start();
  const stop = async (): Promise<void> => {
    await down(() => program.stop());
    await folder.remove();
  };
  return {
    url: redis.url,
    socket: redis.socket,
    dir: folder.path,
    get pid() {
      return program.pid;
    },
    kill: () => down(async () => program.kill("SIGKILL")),
    start,
    shutDown: () => down(() => program.stop()),
    wipe: () => rm(join(folder.path, "appendonlydir"), { recursive: true, force: true }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
