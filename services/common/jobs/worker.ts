import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { connectRedis, waitReady } from "../redis/connect.ts";
import { type Lease, tryLease } from "../redis/lease.ts";
import type { Kind, Resource, Store } from "../store/api.ts";
import type { Job } from "./api.ts";
import { queueName } from "./kind.ts";
import { type JobLimits, jobLimits } from "./limits.ts";
import { jobMetrics } from "./metrics.ts";
import type { Place } from "./place.ts";
import { Session, type SessionOptions } from "./session.ts";

export interface WorkerOptions {
  store: Store;
  redisUrl: string;
  host: string;
  jobs: readonly Job[];
  /** Kinds of the targets of jobs. */
  kinds: readonly Kind<Resource>[];
  log: Logger;
  registry?: Registry;
  limits?: Partial<JobLimits>;
}

export interface JobWorker {
  /** Whether this process holds the lease of the queue and works. */
  readonly active: boolean;
  /** For OperationQueueOptions.reserve. */
  reserve(queue: string): Place | undefined;
  /** Takes no more work, lets steps under way go on for `drainMs`, then interrupts them. Bounded in time. */
  close(): Promise<void>;
}

const LEASE_RETRY_MS = 500;
/** After a session that failed to start, Redis being away for example. */
const SESSION_RETRY_MS = 500;
const RELEASE_TIMEOUT_MS = 1_000;

/** Works on the queue of this service on this host while this process holds the queue's lease; stands by while another does. */
export function startWorker(options: WorkerOptions): JobWorker {
  const queue = queueName(options.store.service, options.host);
  const { store, redisUrl, host } = options;
  const session: SessionOptions = {
    store,
    redisUrl,
    host,
    queue,
    jobs: new Map(options.jobs.map((job) => [job.name, job])),
    kinds: new Map(options.kinds.map((kind) => [kind.name, kind])),
    log: options.log.child({ queue }),
    metrics: options.registry && jobMetrics(options.registry),
    limits: jobLimits(options.limits),
  };
  const stop = new AbortController();
  const state: WorkState = { active: false, session: undefined };
  const ended = work(session, stop.signal, state);
  return {
    get active() {
      return state.active;
    },
    reserve(of) {
      return of === queue ? state.session?.reserve() : undefined;
    },
    async close() {
      stop.abort(new Error("the process stops"));
      await ended;
    },
  };
}

/** Whether some process works on the service's queue of that host now. */
export async function isWorkedOn(redis: Redis, store: Store, host: string): Promise<boolean> {
  return (await redis.exists(leaseKey(store, queueName(store.service, host)))) === 1;
}

function leaseKey(store: Store, queue: string): string {
  return `${store.prefix}:lease:${queue}`;
}

interface WorkState {
  active: boolean;
  session: Session | undefined;
}

async function work(options: SessionOptions, stop: AbortSignal, state: WorkState): Promise<void> {
  const { store, queue, log, limits } = options;
  // A request for the lease that can't be sent now is worth nothing later.
  const redis = connectRedis(options.redisUrl, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  const key = leaseKey(store, queue);
  while (!stop.aborted) {
    const lease = await waitForLease(redis, key, limits.leaseTtlMs, stop);
    if (lease === undefined) break;
    try {
      state.active = true;
      log.info("holds the lease of the queue");
      state.session = new Session(options, lease);
      await state.session.run(stop);
    } catch (error) {
      log.warn({ err: error }, "work on the queue was interrupted");
      await pause(SESSION_RETRY_MS, stop);
    } finally {
      state.active = false;
      state.session = undefined;
      await Promise.race([lease.release(), delay(RELEASE_TIMEOUT_MS, undefined, { ref: false })]);
    }
  }
  redis.disconnect();
}

/** The lease outlives `stop`: what is under way then still writes under it. */
async function waitForLease(redis: Redis, key: string, ttlMs: number, stop: AbortSignal): Promise<Lease | undefined> {
  const signal = new AbortController().signal;
  while (!stop.aborted) {
    const lease = await tryLease({ redis, key, ttlMs, signal });
    if (lease) return lease;
    const waitMs = Math.min(LEASE_RETRY_MS, ttlMs / 3);
    // Not before it can be asked again; when it can't for a while, it is tried anyway.
    if (redis.status === "ready") await pause(waitMs, stop);
    else await waitReady(redis, waitMs).catch(() => {});
  }
  return undefined;
}

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  // Rejects only because `stop` aborted, which callers look at next.
  await delay(ms, undefined, { signal: stop }).catch(() => {});
}
