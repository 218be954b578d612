import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../../../deploy/local/process/run-command.ts";
import { registerProcess } from "../../../support/cleanup.ts";
import type { TestEngine } from "../../../support/engine.ts";
import { provideTools } from "../../../support/tools.ts";

const COMMAND_TIMEOUT_MS = 120_000;
const CREATE_TIMEOUT_MS = 280_000;

/** Debian's own `kind`, `kubectl` and `docker`, pointed at a test's engine. */
export class RealTools {
  readonly #engine: TestEngine;
  readonly #paths: Record<"kind" | "kubectl" | "docker", string>;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(engine: TestEngine, tools: Awaited<ReturnType<typeof provideTools>>) {
    this.#engine = engine;
    this.#paths = tools;
    this.#env = {
      DOCKER_HOST: `unix://${engine.socketPath}`,
      KUBECONFIG: this.path("kubeconfig"),
      HOME: engine.dir,
      PATH: `${tools.dir}:${process.env["PATH"]}`,
    };
  }

  static async open(engine: TestEngine): Promise<RealTools> {
    return new RealTools(engine, await provideTools());
  }

  /** A file of the test. */
  path(name: string): string {
    return join(this.#engine.dir, name);
  }

  async write(name: string, content: string | Uint8Array): Promise<string> {
    await writeFile(this.path(name), content, { mode: 0o600 });
    return this.path(name);
  }

  kind(...args: string[]): Promise<string> {
    return this.#run("kind", args);
  }

  kubectl(...args: string[]): Promise<string> {
    return this.#run("kubectl", args);
  }

  docker(...args: string[]): Promise<string> {
    return this.#run("docker", args);
  }

  /** Makes a cluster and waits for nothing beyond what kind itself waits for. */
  async kindCreate(name: string, image: string, workers = 0): Promise<void> {
    const roles = ["control-plane", ...Array.from({ length: workers }, () => "worker")];
    const nodes = roles.map((role) => `  - role: ${role}\n`).join("");
    const config = await this.write(
      `${name}.yaml`,
      `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n${nodes}`,
    );
    await this.#run(
      "kind",
      ["create", "cluster", "--name", name, "--image", image, "--config", config],
      CREATE_TIMEOUT_MS,
    );
  }

  /** A `kubectl` that runs on; ended by `kill`. Resolves when it has written `started`. */
  async follow(args: string[], started: RegExp): Promise<{ said: string; kill(): void }> {
    const child = spawn(this.#paths.kubectl, args, { env: this.#env, stdio: ["ignore", "pipe", "pipe"] });
    registerProcess(child.pid!);
    let said = "";
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new Error(`kubectl ${args.join(" ")}: not in time: ${said}`)),
      COMMAND_TIMEOUT_MS,
    );
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data: Buffer) => {
        said += data.toString();
        if (started.test(said)) resolve();
      });
    }
    child.once("exit", (code) => reject(new Error(`kubectl ${args.join(" ")} ended with ${code}: ${said}`)));
    try {
      await promise;
    } catch (error) {
      child.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
    return { said, kill: () => child.kill() };
  }

  #run(tool: "kind" | "kubectl" | "docker", args: string[], timeoutMs = COMMAND_TIMEOUT_MS): Promise<string> {
    return runCommand(this.#paths[tool], args, { timeoutMs, env: this.#env });
  }
}
