import type { handleUnaryCall } from "@grpc/grpc-js";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { OperationMetadata } from "../../../../proto/gen/gantry/common/v1/operation.ts";
import {
  ComputeServiceClient,
  type ComputeServiceServer,
  type CreateInstanceRequest,
} from "../../../../proto/gen/gantry/compute/v1/compute.ts";
import { type Host, HostState } from "../../../../proto/gen/gantry/compute/v1/host.ts";
import { Instance, InstanceSpec } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { type Operation, OperationsClient } from "../../../../proto/gen/google/longrunning/operations.ts";
import { listContainers, removeContainer } from "../../../../services/common/engine/api/containers.ts";
import { removeNetwork } from "../../../../services/common/engine/api/networks.ts";
import { listVolumes, removeVolume } from "../../../../services/common/engine/api/volumes.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { LABEL_NAME } from "../../../../services/common/engine/labels.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { fromRpcStatus } from "../../../../services/common/errors/status.ts";
import { call, type CallSettings, connectClient } from "../../../../services/common/rpc/client.ts";
import { setNiceness } from "../../../../deploy/local/process/priority.ts";
import { CONTROL_PLANE_NICE } from "../../../../deploy/local/services.ts";
import { registerProcess, testFolder, type TestFolder } from "../../../support/cleanup.ts";
import { sharedEngine } from "../../../support/engine.ts";
import { startRedis, type TestRedis } from "../../../support/redis.ts";
import { TestRealm } from "./realm.ts";

export const BUSYBOX = "gantry-test/busybox:latest";
export const DIND = "gantry-test/dind:latest";
/** Keeps a busybox running, and ends at once when it is told to. */
export const SLEEP = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"];

const MAIN = join(import.meta.dirname, "../../../../services/compute/main.ts");
const READY_TIMEOUT_MS = 20_000;
const OPERATION_TIMEOUT_MS = 120_000;

type Methods = { [K in keyof ComputeServiceServer as string extends K ? never : K]: ComputeServiceServer[K] };
type AnswerOf<M extends keyof Methods> = Methods[M] extends handleUnaryCall<infer _Req, infer Res> ? Res : never;
type RequestOf<M extends keyof Methods> = Methods[M] extends handleUnaryCall<infer Req, infer _Res> ? Req : never;

export interface ComputeOptions {
  /** Default: the engine that all files of a run share. */
  engineSocket?: string;
  env?: Record<string, string>;
}

/** The real compute process with a Redis of its own, on a real engine. Everything it makes there is removed at the end. */
export class TestCompute implements AsyncDisposable {
  /** Unique on the engine: names of projects and network. */
  readonly id: string;
  readonly host: string;
  readonly project: string;
  readonly network: string;
  readonly folder: TestFolder;
  readonly redis: TestRedis;
  readonly realm: TestRealm;
  readonly engine: Engine;
  token = "";
  address = "";
  client!: ComputeServiceClient;
  operations!: OperationsClient;
  /** Lines of the process's log that are no JSON, or say error or worse. */
  readonly complaints: string[] = [];
  /** Shows the process's log. */
  trace = false;
  #process: ChildProcess | undefined;
  readonly #env: Record<string, string>;

  private constructor(
    id: string,
    parts: { folder: TestFolder; redis: TestRedis; realm: TestRealm; engine: Engine; env: Record<string, string> },
  ) {
    this.id = id;
    this.host = `host-${id}`;
    this.project = `projects/p${id}`;
    this.network = `gantry-${id}`;
    this.folder = parts.folder;
    this.redis = parts.redis;
    this.realm = parts.realm;
    this.engine = parts.engine;
    this.#env = parts.env;
  }

  static async start(options: ComputeOptions = {}): Promise<TestCompute> {
    const id = randomBytes(4).toString("hex");
    const socketPath = options.engineSocket ?? (await sharedEngine()).socketPath;
    const [folder, redis] = await Promise.all([testFolder("compute"), startRedis()]);
    const realm = await TestRealm.create(folder.path, `host-${id}`);
    const compute = new TestCompute(id, {
      folder,
      redis,
      realm,
      engine: new Engine({ socketPath }),
      env: options.env ?? {},
    });
    compute.token = await realm.token();
    try {
      await compute.startProcess();
      await compute.ask("createProject", { projectId: `p${id}`, project: undefined, requestId: "" });
      await compute.until("the host is ready", async () => {
        const host = await compute.getHost();
        return host?.status?.state === HostState.HOST_STATE_READY && (host.status.capacity?.cpuMillis ?? 0n) > 0n;
      });
    } catch (error) {
      await compute[Symbol.asyncDispose]();
      throw error;
    }
    return compute;
  }

  /** Resolves when the process says that it is ready. */
  async startProcess(): Promise<void> {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN], {
      stdio: ["ignore", "pipe", "pipe"],
      // A session and a niceness of its own, as `npm start` gives it.
      detached: true,
      env: {
        PATH: process.env["PATH"] ?? "",
        GANTRY_HOST_NAME: this.host,
        GANTRY_DATA_DIR: this.folder.path,
        GANTRY_REDIS_URL: this.redis.url,
        GANTRY_ENGINE_SOCKET: this.engine.socketPath,
        GANTRY_LISTEN: this.address || "127.0.0.1:0",
        GANTRY_METRICS_LISTEN: "127.0.0.1:0",
        GANTRY_INSTANCE_IMAGE: DIND,
        GANTRY_NETWORK: this.network,
        // Of the machine's own lxcfs, if there is one, tests are to see nothing.
        GANTRY_LXCFS_DIR: join(this.folder.path, "lxcfs"),
        ...this.#env,
      },
    });
    this.#process = child;
    setNiceness(child.pid!, CONTROL_PLANE_NICE);
    const registered = registerProcess(child.pid!);
    child.once("exit", () => registered.forget());
    this.address = await this.#ready(child);
    this.client ??= connectClient(ComputeServiceClient, this.address, this.realm.tls.channelCredentials());
    this.operations ??= connectClient(OperationsClient, this.address, this.realm.tls.channelCredentials());
  }

  get pid(): number {
    return this.#process!.pid!;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** One call as the realm's admin. */
  ask<M extends keyof Methods>(method: M, request: RequestOf<M>, settings: CallSettings = {}): Promise<AnswerOf<M>> {
    // `call` works its types out of the client's overloads; here they come from the server's interface.
    const untyped = call as unknown as (...args: unknown[]) => Promise<AnswerOf<M>>;
    return untyped(this.client, method, request, { token: this.token, ...settings });
  }

  /** Undefined while the process has not written it yet. */
  async getHost(): Promise<Host | undefined> {
    try {
      return await this.ask("getHost", { name: `hosts/${this.host}` });
    } catch (error) {
      if (error instanceof GantryError && error.reason === "NOT_FOUND") return undefined;
      throw error;
    }
  }

  /** What the host can do is found out by trying, after the start: privileged instances have to wait for it. */
  async capabilitiesKnown(): Promise<void> {
    const known = async () => Object.keys((await this.getHost())?.status?.capabilities ?? {}).length > 0;
    await this.until("the host's capabilities are known", known, 60_000);
  }

  name(id: string): string {
    return `${this.project}/instances/${id}`;
  }

  /** Name on the engine. */
  containerName(id: string): string {
    return `p${this.id}.${id}`;
  }

  /** A running busybox unless `spec` says otherwise; resolves to the operation, which may be under way. */
  create(id: string, spec: SpecInput = {}, more: Partial<CreateInstanceRequest> = {}): Promise<Operation> {
    const full = InstanceSpec.fromPartial({ image: BUSYBOX, command: SLEEP, ...spec } as never);
    const instance = Instance.fromPartial({ meta: {}, spec: full });
    const request = {
      parent: this.project,
      instanceId: id,
      instance,
      requestId: "",
      validateOnly: false,
      retain: false,
    };
    return this.ask("createInstance", { ...request, ...more });
  }

  async created(id: string, spec: SpecInput = {}): Promise<Instance> {
    return this.instanceOf(await this.create(id, spec));
  }

  get(id: string): Promise<Instance> {
    return this.ask("getInstance", { name: this.name(id) });
  }

  /** Waits for the end of the operation; throws its error. */
  async wait(operation: Operation): Promise<Operation> {
    const deadline = Date.now() + OPERATION_TIMEOUT_MS;
    let now = operation;
    while (!now.done && Date.now() < deadline) {
      const request = { name: operation.name, timeout: { seconds: 10n, nanos: 0 } };
      now = await call(this.operations, "waitOperation", request as never, { token: this.token });
    }
    if (!now.done) throw new Error(`${operation.name} has not ended: ${JSON.stringify(progressOf(now).message)}`);
    if (now.result?.$case === "error") throw fromRpcStatus(now.result.value);
    return now;
  }

  async instanceOf(operation: Operation): Promise<Instance> {
    const done = await this.wait(operation);
    if (done.result?.$case !== "response") throw new Error(`${operation.name} has no response`);
    return Instance.decode(done.result.value.value);
  }

  /** A verb to its end. */
  async verb(
    verb: "start" | "stop" | "restart" | "pause" | "resume" | "resize",
    id: string,
    more: Record<string, unknown> = {},
  ): Promise<Instance> {
    const request = { name: this.name(id), etag: "", requestId: "", ...more };
    return this.instanceOf(await this.ask(`${verb}Instance`, request as never));
  }

  async delete(id: string): Promise<void> {
    await this.wait(await this.ask("deleteInstance", { name: this.name(id), etag: "", requestId: "" }));
  }

  /** Until `look` gives something; throws after `timeoutMs`. */
  async until<T>(what: string, look: () => Promise<T | undefined | false>, timeoutMs = 15_000): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
      await delay(50);
    }
  }

  /** What this realm has on the engine: names of containers, volumes. */
  async leftOnEngine(): Promise<string[]> {
    const own = (labels: Record<string, string> | null): boolean =>
      (labels?.[LABEL_NAME] ?? "").startsWith(`${this.project}/`);
    const [containers, volumes] = await Promise.all([listContainers(this.engine), listVolumes(this.engine)]);
    return [
      ...containers.filter(({ Labels }) => own(Labels)).map(({ Id }) => `container ${Id}`),
      ...volumes.filter(({ Labels }) => own(Labels)).map(({ Name }) => `volume ${Name}`),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGTERM");
    this.client?.close();
    this.operations?.close();
    for (const left of await this.leftOnEngine()) {
      const [kind, id] = left.split(" ") as [string, string];
      if (kind === "container") await removeContainer(this.engine, id);
    }
    for (const left of await this.leftOnEngine()) await removeVolume(this.engine, left.slice("volume ".length));
    await removeNetwork(this.engine, this.network);
    this.engine.close();
    this.realm.tls.close();
    await this.redis.stop();
    await this.folder.remove();
  }

  #ready(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail("is not ready in time"), READY_TIMEOUT_MS);
      const fail = (why: string): void => {
        clearTimeout(timer);
        child.kill("SIGKILL");
        reject(new Error(`compute ${why}:\n${this.complaints.join("\n")}`));
      };
      child.once("exit", (code) => fail(`ended with ${code}`));
      createInterface({ input: child.stderr! }).on("line", (line) => this.complaints.push(line));
      createInterface({ input: child.stdout! }).on("line", (line) => {
        const entry = JSON.parse(line) as { level: string; msg: string; address?: string };
        if (entry.level !== "info" && entry.level !== "debug") this.complaints.push(line);
        if (this.trace) process.stderr.write(`${line}\n`);
        if (entry.msg !== "ready") return;
        clearTimeout(timer);
        child.removeAllListeners("exit");
        resolve(entry.address!);
      });
    });
  }
}

/** Specs are given as plain objects, with what matters to the test. */
export type SpecInput = Partial<Record<keyof InstanceSpec, unknown>>;

export function progressOf(operation: Operation): OperationMetadata {
  return OperationMetadata.decode(operation.metadata!.value);
}

/** Code name, reason and bad fields of the error that `work` ends with. */
export async function failure(work: Promise<unknown>): Promise<GantryError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error("it should have failed");
}
