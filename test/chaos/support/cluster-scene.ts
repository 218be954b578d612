import assert from "node:assert/strict";
import {
  type OperationMetadata,
  type OperationRecord,
  OperationState,
} from "../../../proto/gen/gantry/common/v1/operation.ts";
import { ClusterServiceClient } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { waitUntil } from "../../../deploy/local/process/wait-until.ts";
import { readMetadata } from "../../../services/common/jobs/metadata.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { TestClusters } from "../../services/cluster/support/clusters.ts";
import type { PlatformOptions } from "../../support/platform.ts";
import { answered } from "./settle.ts";
import { Watcher } from "./watcher.ts";

/** The contract: an operation goes on within this time of the process being back. */
const RESUME_MS_MAX = 15_000;
/** What a step that has to begin anew may take on a busy machine. */
const STEP_MS_MAX = 120_000;
/** Parts of these steps are done at any moment: a second kill comes somewhere in them. */
const LONG = new Set([
  "create-nodes",
  "create-added-nodes",
  "begin-control-plane",
  "join-nodes",
  "join-added-nodes",
  "begin-fork",
  "join-fork",
  "join-forked-control-planes",
  "restore-nodes",
  "wait-ready",
]);
const WITHIN_MS_MAX = 1_500;
const NODE_BY_NODE = new Set(["upgrade-nodes"]);

export interface Killed {
  operation: Operation;
  /** What was under way at the kills; `undo …` where that was it. */
  hit: string[];
  /** From the process being back to its going on with the operation, at most. */
  resumeMs: number;
}

type Wanted = (record: OperationRecord) => boolean | undefined;

/** A platform for clusters, and a watcher of every record of the service that is killed. */
export class ClusterScene implements AsyncDisposable {
  readonly clusters: TestClusters;
  readonly watcher: Watcher;
  readonly #listeners = new Set<(record: OperationRecord) => void>();

  private constructor(clusters: TestClusters) {
    this.clusters = clusters;
    this.watcher = new Watcher({
      client: clusters.platform.processClient(ClusterServiceClient, "cluster"),
      onOperation: (record) => this.#listeners.forEach((listener) => listener(record)),
    });
  }

  static async start(options: PlatformOptions = {}): Promise<ClusterScene> {
    const clusters = await TestClusters.start(options);
    const scene = new ClusterScene(clusters);
    try {
      await waitUntil(async () => scene.watcher.synced || undefined, { what: "the watcher", timeoutMs: 10_000 });
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Kills the service as each step of the operation is told to be under way, of its undo too, until it has ended. */
  async killAtEveryStep({ name }: Operation): Promise<Killed> {
    const hit: string[] = [];
    let resumeMs = 0;
    const kill = async (): Promise<void> => {
      await this.clusters.platform.kill("cluster");
      const before = this.#metadata(name);
      hit.push(underWay(before));
      await this.clusters.platform.start("cluster");
      const backMs = performance.now();
      const goesOn = (record: OperationRecord): boolean => {
        const now = readMetadata(record);
        return record.operation?.done === true || now.resumes > before.resumes || underWay(now) !== underWay(before);
      };
      await this.#told(name, goesOn, RESUME_MS_MAX);
      resumeMs = Math.max(resumeMs, performance.now() - backMs);
    };
    const isNew = (record: OperationRecord): boolean =>
      record.operation?.done === true || !["", ...hit].includes(underWay(readMetadata(record)));
    for (;;) {
      const { operation } = await this.#told(name, isNew, STEP_MS_MAX);
      if (operation?.done) break;
      await kill();
      if (!LONG.has(hit.at(-1)!)) continue;
      // Or as the next step is told, whichever is sooner.
      const next = await this.#toldWithin(name, isNew, Math.random() * WITHIN_MS_MAX);
      if (next?.operation?.done) break;
      await kill();
    }
    const { clusters } = this;
    const read = () => call(clusters.operations, "getOperation", { name }, clusters.token);
    return { operation: await answered(read), hit, resumeMs };
  }

  /** Until the operation is in that step. */
  async reaches({ name }: Operation, step: string): Promise<void> {
    const record = await this.#told(
      name,
      (each) => each.operation?.done || readMetadata(each).step === step,
      STEP_MS_MAX,
    );
    assert.ok(!record.operation?.done, `${name} has ended before ${step}`);
  }

  async #told(name: string, wanted: Wanted, timeoutMs: number): Promise<OperationRecord> {
    const record = await this.#toldWithin(name, wanted, timeoutMs);
    if (record) return record;
    throw new Error(`${name}: nothing new within ${timeoutMs} ms of ${underWay(this.#metadata(name))}`);
  }

  /** By the watcher, which is there again as soon as the service is. */
  async #toldWithin(name: string, wanted: Wanted, timeoutMs: number): Promise<OperationRecord | undefined> {
    const { promise, resolve } = Promise.withResolvers<OperationRecord | undefined>();
    const look = (record: OperationRecord | undefined): void => {
      if (record?.operation?.name === name && wanted(record)) resolve(record);
    };
    this.#listeners.add(look);
    const late = setTimeout(resolve, timeoutMs, undefined);
    look(this.watcher.operation(name));
    const record = await promise;
    clearTimeout(late);
    this.#listeners.delete(look);
    return record;
  }

  #metadata(name: string): OperationMetadata {
    const record = this.watcher.operation(name);
    if (!record) throw new Error(`${name} is not known`);
    return readMetadata(record);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watcher.close();
    await this.clusters[Symbol.asyncDispose]();
  }
}

/** Empty before its first step. A step that goes from node to node is hit in each of its parts. */
function underWay({ state, step, message }: OperationMetadata): string {
  if (state === OperationState.OPERATION_STATE_UNDOING) return `undo ${step}`;
  return NODE_BY_NODE.has(step) && message !== "" ? `${step}: ${message}` : step;
}
