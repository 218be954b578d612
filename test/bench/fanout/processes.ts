import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { GeneratorCommand, GeneratorCounts } from "./generator.ts";
import type { ServerCommand } from "./publisher.ts";

const REPLY_TIMEOUT_MS = 60_000;
const TICKS_PER_SECOND = 100;

/** A process of the measurement, pinned to one core. */
export class Pinned {
  readonly process: ChildProcess;
  constructor(file: string, core: number) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    this.process = spawn("taskset", ["-c", String(core), process.execPath, path], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
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
    const fields = readFileSync(`/proc/${this.process.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
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

  connect(count: number): Promise<unknown> {
    return this.generator.ask({ do: "connect", port: this.port, token: this.token, count, mirror: "projects/default" });
  }

  counts(): Promise<GeneratorCounts> {
    return this.generator.ask<GeneratorCounts>({ do: "count" });
  }

  stop(): void {
    this.generator.stop();
    this.server.stop();
  }
}
