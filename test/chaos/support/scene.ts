import { randomUUID } from "node:crypto";
import { connectRedis } from "../../../services/common/redis/connect.ts";
import type { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import {
  ComputeServiceClient,
  CreateInstanceRequest,
  DeleteInstanceRequest,
  ResizeInstanceRequest,
  UpdateInstanceRequest,
} from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { InnerEngine, type Instance, type InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { type Operation, OperationsClient } from "../../../proto/gen/google/longrunning/operations.ts";
import { waitUntil } from "../../../deploy/local/process/wait-until.ts";
import { Engine } from "../../../services/common/engine/engine.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { type Platform, type PlatformOptions, startPlatform } from "../../support/platform.ts";
import { BUSYBOX } from "../../images/images.ts";
import { MirrorWatch } from "./mirror-watch.ts";
import { answered } from "./settle.ts";
import { Watcher } from "./watcher.ts";

export const PARENT = "projects/default";
/** Keeps a busybox running, and ends at once when it is told to. */
const SLEEP = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"];
const CALL_TIMEOUT_MS = 5_000;

export type Victim = "compute" | "gateway" | "redis" | "engine";

/** A platform with those who look at it: a watcher of every record, and an observer of the realm's mirror. */
export class Scene implements AsyncDisposable {
  readonly platform: Platform;
  readonly compute: ComputeServiceClient;
  readonly operations: OperationsClient;
  readonly watcher: Watcher;
  readonly mirrors: MirrorWatch[];
  readonly engine: Engine;
  readonly redis: ReturnType<typeof connectRedis>;
  readonly #listeners = new Set<(operation: OperationRecord) => void>();

  private constructor(platform: Platform, mirrors: readonly string[]) {
    this.platform = platform;
    this.compute = platform.client(ComputeServiceClient);
    this.operations = platform.client(OperationsClient);
    this.watcher = new Watcher({
      client: platform.processClient(ComputeServiceClient),
      onOperation: (operation) => this.#listeners.forEach((listener) => listener(operation)),
    });
    this.mirrors = mirrors.map((name) => new MirrorWatch(name, platform.mirror(name)));
    this.engine = new Engine({ socketPath: platform.engine.socketPath });
    this.redis = connectRedis(platform.redis.url);
  }

  static async start(options: PlatformOptions & { mirrors?: readonly string[] } = {}): Promise<Scene> {
    const platform = await startPlatform(options);
    try {
      const scene = new Scene(platform, options.mirrors ?? ["realm"]);
      await Promise.all(scene.mirrors.map((mirror) => mirror.client.start()));
      await waitUntil(async () => scene.watcher.synced || undefined, { what: "the watcher", timeoutMs: 10_000 });
      return scene;
    } catch (error) {
      await platform.stop();
      throw error;
    }
  }

  onOperation(listener: (operation: OperationRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A call through the one address as realm admin, repeated until it is answered. */
  get settings(): { token: string; timeoutMs: number } {
    return { token: this.platform.adminToken, timeoutMs: CALL_TIMEOUT_MS };
  }

  create(id: string, spec: Partial<InstanceSpec> = {}, labels = {}): Promise<Operation> {
    const plain = { image: BUSYBOX, innerEngine: InnerEngine.INNER_ENGINE_DISABLED, command: SLEEP };
    const whole = spec.innerEngine === InnerEngine.INNER_ENGINE_ENABLED ? spec : { ...plain, ...spec };
    const request = CreateInstanceRequest.fromPartial({
      parent: PARENT,
      instanceId: id,
      instance: { meta: { labels }, spec: whole },
      requestId: randomUUID(),
    });
    return answered(() => call(this.compute, "createInstance", request, this.settings));
  }

  resize(id: string, memoryBytes: bigint): Promise<Operation> {
    const name = instanceName(id);
    const request = ResizeInstanceRequest.fromPartial({ name, memoryBytes, requestId: randomUUID() });
    return answered(() => call(this.compute, "resizeInstance", request, this.settings));
  }

  relabel(id: string, labels: Record<string, string>): Promise<Operation> {
    const request = UpdateInstanceRequest.fromPartial({
      instance: { meta: { name: instanceName(id), labels } },
      updateMask: ["meta.labels"],
      requestId: randomUUID(),
    });
    return answered(() => call(this.compute, "updateInstance", request, this.settings));
  }

  remove(id: string): Promise<Operation> {
    const request = DeleteInstanceRequest.fromPartial({ name: instanceName(id), requestId: randomUUID() });
    return answered(() => call(this.compute, "deleteInstance", request, this.settings));
  }

  get(id: string): Promise<Instance> {
    return answered(() => call(this.compute, "getInstance", { name: instanceName(id) }, this.settings));
  }

  /** Polls, so that nothing hangs on a stream that something killed. */
  ended(name: string, timeoutMs: number): Promise<Operation> {
    const read = async (): Promise<Operation | undefined> => {
      const operation = await call(this.operations, "getOperation", { name }, this.settings);
      return operation.done ? operation : undefined;
    };
    return waitUntil(read, { what: `end of ${name}`, timeoutMs, intervalMs: 100 });
  }

  async kill(victim: Victim): Promise<void> {
    const { platform } = this;
    if (victim === "redis") return platform.redis.kill();
    if (victim === "engine") return platform.engine.kill("dockerd");
    return platform.kill(victim);
  }

  async restart(victim: Victim): Promise<void> {
    const { platform } = this;
    if (victim === "redis") return platform.redis.start();
    if (victim === "engine") return platform.engine.start();
    return platform.start(victim);
  }

  /** The last lines of the services' logs that say warn or worse. */
  async complaints(lines = 30): Promise<string> {
    const logs = await Promise.all((["compute", "gateway"] as const).map((name) => this.platform.logs(name)));
    const bad = logs.flatMap((log) => log.split("\n").filter((line) => /"level":"(warn|error|fatal)"/.test(line)));
    const short = bad.slice(-lines).map((line) => {
      const { time, process: name, msg, err } = JSON.parse(line) as Record<string, string> & { err?: Error };
      return `${time} ${name}: ${msg}${err ? `: ${err.message}` : ""}`;
    });
    return short.join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watcher.close();
    this.redis.disconnect();
    this.engine.close();
    await this.platform.stop();
  }
}

export function instanceName(id: string): string {
  return `${PARENT}/instances/${id}`;
}
