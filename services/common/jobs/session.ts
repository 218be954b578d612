import { setTimeout as delay } from "node:timers/promises";
import { DelayedError, type Job as QueueJob, WaitingError, Worker } from "bullmq";
import type { Logger } from "pino";
import { OperationRecord } from "../../../proto/gen/gantry/common/v1/operation.ts";
import { connectRedis } from "../redis/connect.ts";
import type { Lease } from "../redis/lease.ts";
import type { Kind, RecordChange, Resource, Store } from "../store/api.ts";
import type { Job } from "./api.ts";
import { Interrupted } from "./interrupted.ts";
import { operationKind } from "./kind.ts";
import type { JobLimits } from "./limits.ts";
import { LostDeliveries } from "./lost-deliveries.ts";
import type { JobMetrics } from "./metrics.ts";
import { OperationIndex } from "./operation-index.ts";
import type { Place } from "./place.ts";
import { type JobData, Queues } from "./queues.ts";
import { withCopies } from "./redis-family.ts";
import { removeFinished } from "./retention.ts";
import { Runner } from "./runner.ts";
import { Sweeper } from "./sweeper.ts";

export interface SessionOptions {
  store: Store;
  redisUrl: string;
  host: string;
  queue: string;
  jobs: ReadonlyMap<string, Job>;
  kinds: ReadonlyMap<string, Kind<Resource>>;
  log: Logger;
  metrics: JobMetrics | undefined;
  limits: JobLimits;
}

/** Connection errors must not make BullMQ wait longer than it takes Redis to come back. */
const RUN_RETRY_MS = 500;
/** When an operation that can't go on yet is looked at again. */
const LATER_MS = 1_000;
/** A job whose worker was killed over and over must still go on. */
const STALLED_COUNT_MAX = 1_000_000_000;
/** For BullMQ and for runs to end after they were interrupted. */
const CLOSE_MARGIN_MS = 2_000;

/** Work on the queue for as long as its lease is held. Not used twice. */
export class Session {
  readonly #options: SessionOptions;
  readonly #lease: Lease;
  readonly #interrupt = new AbortController();
  readonly #connections: ReturnType<typeof withCopies>;
  readonly #queues: Queues;
  readonly #runner: Runner;
  readonly #index: OperationIndex;
  readonly #sweeper: Sweeper;
  readonly #lost: LostDeliveries;
  readonly #over = new AbortController();
  #worker: Worker<JobData> | undefined;
  #draining = false;

  constructor(options: SessionOptions, lease: Lease) {
    const { store, kinds, host, queue, log } = options;
    this.#options = options;
    this.#lease = lease;
    this.#connections = withCopies(connectRedis(options.redisUrl, { maxRetriesPerRequest: null }));
    this.#queues = new Queues({ redis: this.#connections.redis, prefix: store.prefix, log });
    this.#index = new OperationIndex(store, queue);
    const environment = {
      ...options,
      fence: { key: lease.key, token: lease.token },
      held: () => lease.held,
      interrupt: this.#interrupt.signal,
      draining: () => this.#draining,
    };
    this.#runner = new Runner(environment, queue);
    const isRunning = (operation: string): boolean => this.#runner.isRunning(operation);
    this.#sweeper = new Sweeper({
      store,
      kinds,
      host,
      queues: this.#queues,
      queue,
      index: this.#index,
      isRunning,
      log,
    });
    const gone = AbortSignal.any([this.#over.signal, lease.lost]);
    this.#lost = new LostDeliveries({ queues: this.#queues, queue, over: gone, log });
  }

  /** Resolves when `stop` aborted or the lease was lost, and nothing runs any more. */
  async run(stop: AbortSignal): Promise<void> {
    const { store, queue, log } = this.#options;
    const over = AbortSignal.any([stop, this.#lease.lost]);
    const onLost = (): void => {
      // First no more jobs, then an end to those that run.
      void this.#worker?.close(true);
      this.#interrupt.abort(this.#lease.lost.reason);
    };
    this.#lease.lost.addEventListener("abort", onLost, { once: true });
    const unsubscribe = store.onChange((change) => this.#onChange(change));
    // BullMQ fetches through this connection: what it broke off with is looked for as soon as it is back.
    const onReady = (): void => void this.#findLost(over);
    try {
      // Jobs of the holder before are ours at once: no need to wait for their locks to end.
      const reclaimed = await unlessAborted(this.#queues.reclaim(queue), over);
      if (reclaimed) log.info({ reclaimed }, "took over the jobs of a worker that is gone");
      this.#worker = this.#startWorker();
      this.#connections.redis.on("ready", onReady);
      await this.#keepHouse(over);
    } finally {
      this.#connections.redis.off("ready", onReady);
      this.#over.abort(new Error("the session is over"));
      await this.#close();
      unsubscribe();
      this.#lease.lost.removeEventListener("abort", onLost);
    }
  }

  /** For an operation of this queue that is being written by this process; undefined when it has to wait for its job. */
  reserve(): Place | undefined {
    if (this.#worker === undefined || this.#draining || this.#lease.lost.aborted) return undefined;
    return this.#runner.reserve();
  }

  #startWorker(): Worker<JobData> {
    const { store, queue, limits, log } = this.#options;
    const worker = new Worker<JobData>(queue, (job, token) => this.#process(job, token), {
      connection: this.#connections.redis,
      prefix: store.prefix,
      concurrency: limits.concurrency,
      lockDuration: limits.lockDurationMs,
      stalledInterval: limits.stalledIntervalMs,
      maxStalledCount: STALLED_COUNT_MAX,
      runRetryDelay: RUN_RETRY_MS,
    });
    worker.on("error", (error) => log.debug({ err: error }, "queue worker"));
    worker.on("failed", (job, error) =>
      log.error({ err: error, jobId: job?.id }, "a job was given up: the sweeper adds it again"),
    );
    return worker;
  }

  async #process(job: QueueJob<JobData>, token: string | undefined): Promise<void> {
    const through = this.#lost.arrived(job.id ?? "", token ?? "");
    try {
      await this.#runJob(job, token);
    } finally {
      through();
    }
  }

  async #runJob(job: QueueJob<JobData>, token: string | undefined): Promise<void> {
    try {
      if ((await this.#runner.run(job.data.operation)) === "ended") return;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      this.#options.log.info({ jobId: job.id, why: error.message }, "a job was interrupted");
      // Where the lease is lost the next holder takes the job back; Redis may not even be there to be told.
      if (!this.#lease.lost.aborted) await job.moveToWait(token);
      throw new WaitingError();
    }
    await job.moveToDelayed(Date.now() + LATER_MS, token);
    throw new DelayedError();
  }

  #onChange(change: RecordChange): void {
    this.#index.change(change);
    if (change.deleted || change.kind !== operationKind.name || !this.#runner.isRunning(change.name)) return;
    if (OperationRecord.decode(change.bytes).cancelRequested) this.#runner.cancel(change.name);
  }

  async #findLost(over: AbortSignal): Promise<void> {
    await unlessAborted(this.#lost.search(), over).catch((error: unknown) => {
      if (!over.aborted) this.#options.log.warn({ err: error }, "lost jobs could not be looked for");
    });
  }

  /** Sweeps, removes old operations and counts, until the session is over. */
  async #keepHouse(over: AbortSignal): Promise<void> {
    const { store, queue, limits, metrics, log } = this.#options;
    while (!over.aborted) {
      const round = async (): Promise<void> => {
        await this.#sweeper.sweep();
        await this.#lost.search();
        await removeFinished(store, this.#index, limits);
        const { waiting, active } = await this.#queues.counts(queue);
        metrics?.depth.set({ queue, state: "waiting" }, waiting);
        metrics?.depth.set({ queue, state: "active" }, active);
      };
      await unlessAborted(round(), over).catch((error: unknown) => {
        if (!over.aborted) log.warn({ err: error }, "the queue could not be swept");
      });
      // Rejects only because the session is over, which is looked at next.
      await delay(limits.sweepIntervalMs, undefined, { signal: over }).catch(() => {});
    }
  }

  async #close(): Promise<void> {
    const { limits, log } = this.#options;
    this.#draining = true;
    // Resolves when BullMQ too is through with the jobs under way.
    const quiet = this.#lease.lost.aborted ? undefined : this.#worker?.pause();
    const drainMs = this.#lease.lost.aborted ? 0 : limits.drainMs;
    const hurry = setTimeout(() => this.#interrupt.abort(new Error("the process stops")), drainMs);
    const idle = await within(this.#runner.idle(), drainMs + limits.settleMs + CLOSE_MARGIN_MS);
    clearTimeout(hurry);
    this.#interrupt.abort(new Error("the session is over"));
    if (!idle || !(await within(quiet, CLOSE_MARGIN_MS))) log.warn({ idle }, "the queue worker was cut off");
    // By force: an orderly close waits for a Redis that is away for ever.
    const closed = this.#worker?.close(true);
    this.#connections.disconnect();
    await within(closed, CLOSE_MARGIN_MS);
  }
}

/** False when `work` has not ended well after `ms`. */
async function within(work: Promise<unknown> | undefined, ms: number): Promise<boolean> {
  const done = Promise.resolve(work).then(
    () => true,
    () => false,
  );
  return Promise.race([done, delay(ms, false, { ref: false })]);
}

/** Rejects when `signal` aborts: a command to a Redis that is away may stay unanswered. */
function unlessAborted<R>(work: Promise<R>, signal: AbortSignal): Promise<R> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
