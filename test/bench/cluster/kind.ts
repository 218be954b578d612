import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../../deploy/local/process/run-command.ts";
import type { ClusterTarget } from "../../../services/cluster/kubernetes/target.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import type { Engine } from "../../../services/common/engine/engine.ts";
import { API_PORT } from "../../../services/cluster/pki/paths.ts";
import { provideTools } from "../../support/tools.ts";

const TIMEOUT_MS = 300_000;

/** The real `kind`, on an engine. */
export class Kind {
  readonly #engine: Engine;
  readonly #dir: string;
  readonly #kind: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(engine: Engine, dir: string, kind: string, path: string) {
    this.#engine = engine;
    this.#dir = dir;
    this.#kind = kind;
    this.#env = {
      DOCKER_HOST: `unix://${engine.socketPath}`,
      KUBECONFIG: join(dir, "kind-kubeconfig"),
      PATH: `${path}:${process.env["PATH"]}`,
    };
  }

  static async open(engine: Engine, dir: string): Promise<Kind> {
    const tools = await provideTools();
    return new Kind(engine, dir, tools.kind, tools.dir);
  }

  async create(name: string, image: string, workers: number): Promise<ClusterTarget> {
    const config = join(this.#dir, `${name}.yaml`);
    const roles = ["control-plane", ...Array.from({ length: workers }, () => "worker")];
    const nodes = roles.map((role) => `  - role: ${role}\n`).join("");
    await writeFile(config, `kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n${nodes}`);
    await this.#run("create", "cluster", `--name=${name}`, `--image=${image}`, `--config=${config}`);
    const controlPlane = `${name}-control-plane`;
    const { NetworkSettings, Id } = await inspectContainer(this.#engine, controlPlane);
    const host = NetworkSettings.Networks["kind"]!.IPAddress;
    return { name, uid: Id, endpoints: [{ host, port: API_PORT }], controlPlanes: [controlPlane] };
  }

  async delete(name: string): Promise<void> {
    await this.#run("delete", "cluster", `--name=${name}`);
  }

  #run(...args: string[]): Promise<string> {
    return runCommand(this.#kind, args, { timeoutMs: TIMEOUT_MS, env: this.#env });
  }
}
