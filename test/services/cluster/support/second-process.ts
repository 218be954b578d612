import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ClusterServiceClient } from "../../../../proto/gen/gantry/cluster/v1/service.ts";
import { loadTls } from "../../../../services/common/realm/tls.ts";
import { connectClient } from "../../../../services/common/rpc/client.ts";
import { registerProcess, testFolder, type TestFolder } from "../../../support/cleanup.ts";
import type { Platform } from "../../../support/platform.ts";

const MAIN = join(import.meta.dirname, "../../../../services/cluster/main.ts");

/** The cluster service of a second host of a realm: a process with a data folder of its own. No cluster is put on that host. */
export class SecondProcess implements AsyncDisposable {
  readonly client: ClusterServiceClient;
  readonly #child: ChildProcess;
  readonly #folder: TestFolder;
  readonly #closeTls: () => void;

  private constructor(client: ClusterServiceClient, child: ChildProcess, folder: TestFolder, closeTls: () => void) {
    this.client = client;
    this.#child = child;
    this.#folder = folder;
    this.#closeTls = closeTls;
  }

  static async start({ dataDir, redis, engine, addresses }: Platform): Promise<SecondProcess> {
    const folder = await testFolder("second");
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"] ?? "",
        GANTRY_HOST_NAME: "second",
        GANTRY_DATA_DIR: folder.path,
        GANTRY_TLS_DIR: join(dataDir, "tls"),
        GANTRY_TOKEN_KEYS: join(dataDir, "token", "public.jwk"),
        GANTRY_REDIS_URL: redis.url,
        GANTRY_ENGINE_SOCKET: engine.socketPath,
        GANTRY_SERVICES: `compute=${addresses.compute}`,
        GANTRY_LISTEN: "127.0.0.1:0",
        GANTRY_METRICS_LISTEN: "127.0.0.1:0",
      },
    });
    const registered = registerProcess(child.pid!);
    child.once("exit", () => registered.forget());
    const { promise: ready, resolve, reject } = Promise.withResolvers<string>();
    child.once("exit", (code) => reject(new Error(`the second cluster service ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const { msg, address } = JSON.parse(line) as { msg: string; address?: string };
      if (msg === "ready") resolve(address ?? "");
    });
    const address = await ready;
    const tls = loadTls({ dir: join(dataDir, "tls"), process: "gateway" });
    const options = { serverName: "cluster" };
    const client = connectClient(ClusterServiceClient, address, tls.channelCredentials(), options);
    return new SecondProcess(client, child, folder, () => tls.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    this.#closeTls();
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    await this.#folder.remove();
  }
}
