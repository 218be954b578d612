import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { removeNetwork } from "../../../../services/common/engine/api/networks.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { registerProcess, testFolder, type TestFolder } from "../../../support/cleanup.ts";
import { startEngine, type TestEngine } from "../../../support/engine.ts";
import type { TestCompute } from "../support/compute.ts";

const MAIN = join(import.meta.dirname, "../../../../services/compute/main.ts");

/** A second host in the realm of a TestCompute: its own engine, data folder and compute process; the same Redis and certificates. */
export class JoinedHost implements AsyncDisposable {
  readonly host: string;
  readonly #realm: TestCompute;
  readonly #daemon: TestEngine;
  readonly #folder: TestFolder;
  #process: ChildProcess | undefined;

  private constructor(realm: TestCompute, daemon: TestEngine, folder: TestFolder) {
    this.host = `second-${realm.id}`;
    this.#realm = realm;
    this.#daemon = daemon;
    this.#folder = folder;
  }

  static async start(realm: TestCompute): Promise<JoinedHost> {
    const [daemon, folder] = await Promise.all([startEngine(), testFolder("joined")]);
    const joined = new JoinedHost(realm, daemon, folder);
    await joined.startProcess();
    return joined;
  }

  /** Resolves when the process says that it is ready. */
  async startProcess(): Promise<void> {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"] ?? "",
        GANTRY_HOST_NAME: this.host,
        GANTRY_DATA_DIR: this.#folder.path,
        GANTRY_TLS_DIR: join(this.#realm.folder.path, "tls"),
        GANTRY_TOKEN_KEYS: join(this.#realm.folder.path, "token", "public.jwk"),
        GANTRY_REDIS_URL: this.#realm.redis.url,
        GANTRY_ENGINE_SOCKET: this.#daemon.socketPath,
        GANTRY_LISTEN: "127.0.0.1:0",
        GANTRY_METRICS_LISTEN: "127.0.0.1:0",
        GANTRY_NETWORK: `${this.#realm.network}-b`,
      },
    });
    this.#process = child;
    const registered = registerProcess(child.pid!);
    child.once("exit", () => registered.forget());
    const ready = new Promise<void>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`the second host's compute ended with ${code}`)));
      createInterface({ input: child.stdout! }).on("line", (line) => {
        if ((JSON.parse(line) as { msg: string }).msg === "ready") resolve();
      });
    });
    await ready;
  }

  get engineSocket(): string {
    return this.#daemon.socketPath;
  }

  get engine(): TestEngine {
    return this.#daemon;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGTERM");
    const engine = new Engine({ socketPath: this.engineSocket });
    await removeNetwork(engine, `${this.#realm.network}-b`).catch(() => false);
    engine.close();
    await this.#daemon.stop();
    await this.#folder.remove();
  }
}
