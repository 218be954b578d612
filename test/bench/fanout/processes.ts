import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { GeneratorCommand, GeneratorCounts } from "./generator.ts";
import { setNiceness } from "../../../deploy/local/process/priority.ts";
import { CONTROL_PLANE_NICE, YOUNG_GENERATION_MIB } from "../../../deploy/local/services.ts";
import { cpuMsOf, Others } from "./others.ts";
import type { ServerCommand } from "./publisher.ts";

const REPLY_TIMEOUT_MS = 60_000;
/** Those that run. */
const running = new Set<Pinned>();

/** Processor time of the machine's processes that are not of this measurement. */
export const others = new Others(() => [process.pid, ...[...running].map((each) => each.process.pid!)]);

/** A process of the measurement, pinned to one core; as nice as `npm start` makes the gateway, and with its young generation. */
export class Pinned {
  readonly process: ChildProcess;
  constructor(file: string, core: number) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const young = `--max-semi-space-size=${YOUNG_GENERATION_MIB}`;
    this.process = spawn("taskset", ["-c", String(core), process.execPath, young, path], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      // Niceness is told per session. It ends with its channel to this process.
      detached: true,
    });
    setNiceness(this.process.pid!, CONTROL_PLANE_NICE);
    running.add(this);
    this.process.once("exit", () => running.delete(this));
  }

  ask<T>(command: ServerCommand | GeneratorCommand): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const timer = setTimeout(() => reject(new Error(`no answer to ${command.do}`)), REPLY_TIMEOUT_MS);
    const onExit = (): void => reject(new Error("the process ended"));
    this.process.once("exit", onExit);
    this.process.once("message", (reply: T & { error?: string }) => {
      if (reply.error !== undefined) reject(new Error(reply.error));
      else resolve(reply);
    });
    this.process.send(command);
    return promise.finally(() => {
      clearTimeout(timer);
      this.process.off("exit", onExit);
    });
  }

  /** User and system time so far. */
  cpuMs(): number {
    return cpuMsOf(this.process.pid);
  }

  rssKb(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.process.pid}/status`, "utf8"))![1]);
  }

  stop(): void {
    if (this.process.connected) this.process.disconnect();
  }
}

/** A server and the observers on it. */
export class Pair {
  readonly server: Pinned;
  readonly generator: Pinned;
  port = 0;
  token = "";

  constructor(server: string) {
    this.server = new Pinned(server, 0);
    this.generator = new Pinned("./generator.ts", 1);
  }

  async start(): Promise<void> {
    ({ port: this.port, token: this.token } = await this.server.ask<{ port: number; token: string }>({ do: "start" }));
  }

  /** `fillable`: so many of them can be made to lag. */
  connect(count: number, fillable = 0): Promise<unknown> {
    const { port, token } = this;
    return this.generator.ask({ do: "connect", port, token, count, mirror: "projects/default", fillable });
  }

  counts(): Promise<GeneratorCounts> {
    return this.generator.ask<GeneratorCounts>({ do: "count" });
  }

  stop(): void {
    this.generator.stop();
    this.server.stop();
  }
}
