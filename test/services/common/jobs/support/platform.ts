import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { type Logger, pino } from "pino";
import { Registry } from "prom-client";
import type { OperationRecord } from "../../../../../proto/gen/gantry/common/v1/operation.ts";
import { Instance } from "../../../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Operation } from "../../../../../proto/gen/google/longrunning/operations.ts";
import type { Any } from "../../../../../proto/gen/google/protobuf/any.ts";
import { instanceKind } from "../../../../../services/compute/kinds.ts";
import type { Job, JobContext, Step, Submission } from "../../../../../services/common/jobs/api.ts";
import { operationKind } from "../../../../../services/common/jobs/kind.ts";
import type { JobLimits } from "../../../../../services/common/jobs/limits.ts";
import { OperationMetadata } from "../../../../../services/common/jobs/metadata.ts";
import { OperationQueue } from "../../../../../services/common/jobs/operations.ts";
import { waitOperation } from "../../../../../services/common/jobs/rpc/wait-operation.ts";
import { type JobWorker, startWorker } from "../../../../../services/common/jobs/worker.ts";
import { connectRedis } from "../../../../../services/common/redis/connect.ts";
import type { StoreHandle } from "../../../../../services/common/store/store.ts";
import { openStore } from "../../../../../services/common/store/store.ts";

export const RESPONSE: Any = { typeUrl: "type.googleapis.com/google.protobuf.Empty", value: Buffer.alloc(0) };
export const HOST = "rack1-01";

export type TestStep = Step<JobContext>;

/** A job on an instance. On success its record stays (or goes, for a delete), on failure it goes. */
export function testJob(name: string, steps: TestStep[], hooks: Partial<Job> = {}): Job {
  return {
    name,
    steps,
    context: async (base) => base,
    succeed: async (ctx, tx) => {
      const { target, verb } = metadataOf(ctx.operation);
      const record = await tx.get(instanceKind, target);
      if (record && verb === "delete") tx.delete(instanceKind, target);
      return RESPONSE;
    },
    fail: async (ctx, tx) => {
      const { target, verb } = metadataOf(ctx.operation);
      const record = await tx.get(instanceKind, target);
      if (verb === "create" && record?.meta?.operation === ctx.operation.meta!.name) tx.delete(instanceKind, target);
    },
    ...hooks,
  };
}

export function step(
  name: string,
  work: TestStep["do"],
  undo?: TestStep["undo"],
  options: Partial<TestStep> = {},
): TestStep {
  return { name, timeoutMs: 10_000, do: work, ...(undo ? { undo } : {}), ...options };
}

export function metadataOf(of: OperationRecord | Operation): OperationMetadata {
  const operation = "operation" in of ? of.operation : of;
  return OperationMetadata.decode(operation!.metadata!.value);
}

export interface PlatformOptions {
  redisUrl: string;
  service?: string;
  host?: string;
  dataDir?: string;
  jobs?: Job[];
  limits?: Partial<JobLimits>;
  log?: Logger;
}

/** Store, queue and (where there are jobs) worker of one process. */
export class Platform implements AsyncDisposable {
  readonly registry = new Registry();
  store!: StoreHandle;
  operations!: OperationQueue;
  worker: JobWorker | undefined;
  host!: string;
  #redis!: Redis;
  #folder: string | undefined;
  readonly #abort = new AbortController();

  static async start(options: PlatformOptions): Promise<Platform> {
    const platform = new Platform();
    const log = options.log ?? pino({ level: process.env["TEST_LOG_LEVEL"] ?? "silent" });
    const { redisUrl, service = "compute", host = HOST, limits = {} } = options;
    if (options.dataDir === undefined) platform.#folder = await mkdtemp(join(tmpdir(), "jobs-test-"));
    const kinds = [operationKind, instanceKind] as const;
    const dataDir = options.dataDir ?? platform.#folder!;
    platform.host = host;
    platform.store = await openStore({
      service,
      host,
      redisUrl,
      dataDir,
      kinds: [...kinds],
      log,
      signal: platform.#abort.signal,
    });
    platform.#redis = connectRedis(redisUrl, { maxRetriesPerRequest: null });
    const { store } = platform;
    platform.operations = new OperationQueue({
      store,
      redis: platform.#redis,
      log,
      limits,
      reserve: (queue) => platform.worker?.reserve(queue),
    });
    if (options.jobs) {
      platform.worker = startWorker({
        store,
        redisUrl,
        host,
        jobs: options.jobs,
        kinds: [instanceKind],
        log,
        registry: platform.registry,
        limits,
      });
    }
    return platform;
  }

  submit(id: string, changes: Partial<Submission<Instance>> & { job: string }, host = this.host): Promise<Operation> {
    const target = `projects/default/instances/${id}`;
    return this.operations.submit({
      verb: "create",
      kind: instanceKind,
      target,
      project: "default",
      host: () => host,
      write: async (tx) => {
        const found = await tx.get(instanceKind, target);
        if (found) return found;
        const created = Instance.fromPartial({ meta: { name: target, host }, spec: { image: "test" } });
        tx.create(instanceKind, created);
        return created;
      },
      ...changes,
    });
  }

  /** The operation when it has ended. Throws when it has not after `timeoutMs`. */
  async ended(operation: Operation, timeoutMs = 20_000): Promise<Operation> {
    const timeout = { seconds: 0n, nanos: 0 };
    const request = { name: operation.name, timeout: { ...timeout, seconds: BigInt(Math.ceil(timeoutMs / 1000)) } };
    const signal = new AbortController().signal;
    const found = await waitOperation(this.store, request, { signal, deadline: Infinity, waitMaxMs: 600_000 });
    if (!found.done) throw new Error(`${found.name} has not ended: ${JSON.stringify(metadataOf(found))}`);
    return found;
  }

  record(operation: Operation): Promise<OperationRecord> {
    return this.store.need(operationKind, operation.name);
  }

  instance(id: string): Promise<Instance | undefined> {
    return this.store.get(instanceKind, `projects/default/instances/${id}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker?.close();
    await this.operations.close();
    this.#redis.disconnect();
    this.#abort.abort();
    await this.store.close();
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }
}
