import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { registerProcess, testFolder } from "./cleanup.ts";
import type { Platform } from "./platform.ts";

export const SECOND_HOST = "second";

export interface SecondHostProcess {
  /** gRPC address. */
  address: string;
  stop(): Promise<void>;
}

/** A service of a second host of the realm: a process with a data folder of its own; its engine is the platform's too. */
export async function startOnSecondHost(
  { dataDir, redis, engine, addresses }: Platform,
  service: "compute" | "cluster",
): Promise<SecondHostProcess> {
  const folder = await testFolder("second");
  const main = join(import.meta.dirname, "../../services", service, "main.ts");
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"] ?? "",
      GANTRY_HOST_NAME: SECOND_HOST,
      GANTRY_DATA_DIR: folder.path,
      GANTRY_TLS_DIR: join(dataDir, "tls"),
      GANTRY_TOKEN_KEYS: join(dataDir, "token", "public.jwk"),
      GANTRY_REDIS_URL: redis.url,
      GANTRY_ENGINE_SOCKET: engine.socketPath,
      GANTRY_LISTEN: "127.0.0.1:0",
      GANTRY_METRICS_LISTEN: "127.0.0.1:0",
      ...(service === "cluster"
        ? { GANTRY_SERVICES: `compute=${addresses.compute}` }
        : { GANTRY_NETWORK: "gantry-second" }),
    },
  });
  const registered = registerProcess(child.pid!);
  child.once("exit", () => registered.forget());
  const { promise: ready, resolve, reject } = Promise.withResolvers<string>();
  child.once("exit", (code) => reject(new Error(`the second ${service} service ended with ${code}`)));
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { msg, address } = JSON.parse(line) as { msg: string; address?: string };
    if (msg === "ready") resolve(address ?? "");
  });
  return {
    address: await ready,
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      await folder.remove();
    },
  };
}
