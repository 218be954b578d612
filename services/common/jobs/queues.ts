import { ErrorCode, type JobState, type JobType, Queue } from "bullmq";
import type { Redis } from "ioredis";
import type { Logger } from "pino";
import type { Bound } from "../store/api.ts";

/** What a BullMQ job carries: all else is in the operation's record. */
export interface JobData {
  operation: string;
}

/** A host or two per service is usual; a realm has tens. */
const QUEUES_OPEN_MAX = 256;

/** BullMQ's own event streams are not read by anyone. */
const EVENTS_KEPT = 100;
const KEPT_AFTER_END = { age: 3_600, count: 1_000 };
const LIVE_STATES: JobType[] = ["wait", "active", "delayed", "prioritized"];
const WAITING_STATES: JobType[] = ["wait", "delayed", "prioritized"];
const GONE_ON: ReadonlySet<unknown> = new Set([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobLockMismatch,
]);

export interface QueuesOptions {
  redis: Redis;
  prefix: string;
  log: Logger;
}

/** The BullMQ queues of a service, opened when first used. */
export class Queues {
  readonly #options: QueuesOptions;
  readonly #open = new Map<string, Queue<JobData>>();

  constructor(options: QueuesOptions) {
    this.#options = options;
  }

  /** Nothing happens when the queue has a job of that id already. */
  async add(queue: string, id: string, job: string, operation: string): Promise<void> {
    await this.#get(queue).add(job, { operation }, { jobId: id });
  }

  /** Bounds of a write that adds to the queue: how many may be waiting in it, and how many be under way. */
  waitingBound(queue: string, max: number): Bound {
    return { lists: [`${queue}:wait`], sortedSets: [`${queue}:delayed`, `${queue}:prioritized`], max };
  }

  activeBound(queue: string, max: number): Bound {
    return { lists: [`${queue}:active`], sortedSets: [], max };
  }

  async counts(queue: string): Promise<{ waiting: number; active: number }> {
    const counts = await this.#get(queue).getJobCounts(...WAITING_STATES, "active");
    const active = counts["active"] ?? 0;
    return { waiting: Object.values(counts).reduce((sum, count) => sum + count, 0) - active, active };
  }

  /** Ids of the jobs that a worker runs or will take. */
  async liveIds(queue: string): Promise<Set<string>> {
    return new Set(await this.#get(queue).getRanges(LIVE_STATES, 0, -1));
  }

  /** Adds a job that may still be there in a state no worker takes it from. Returns false when it is live. */
  async revive(queue: string, id: string, job: string, operation: string): Promise<boolean> {
    const found = await this.#get(queue).getJob(id);
    if (found) {
      const state = await found.getState();
      if (isLive(state)) return false;
      await found.remove();
    }
    await this.add(queue, id, job, operation);
    return true;
  }

  /** Puts every job back that a worker which is gone had taken. Only for the holder of the queue's lease, before it works. */
  async reclaim(queue: string): Promise<number> {
    const active = await this.#get(queue).getActive();
    for (const job of active) await job.moveToWait();
    return active.length;
  }

  /** Active jobs with the lock that tells one delivery from the next. Those whose lock has ended are BullMQ's to find. */
  async deliveries(queue: string): Promise<{ id: string; token: string }[]> {
    const opened = this.#get(queue);
    const ids = await opened.getRanges(["active"], 0, -1);
    if (ids.length === 0) return [];
    const tokens = await this.#options.redis.mget(ids.map((id) => opened.toKey(`${id}:lock`)));
    return ids.flatMap((id, at) => (tokens[at] ? [{ id, token: tokens[at] }] : []));
  }

  /** Puts a job back whose lock still is that of the delivery. False when it has gone on. */
  async takeBack(queue: string, id: string, token: string): Promise<boolean> {
    const job = await this.#get(queue).getJob(id);
    if (job === undefined) return false;
    try {
      await job.moveToWait(token);
      return true;
    } catch (error) {
      if (GONE_ON.has((error as { code?: unknown }).code)) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((queue) => queue.close()));
  }

  #get(name: string): Queue<JobData> {
    const found = this.#open.get(name);
    if (found) return found;
    const { redis, prefix, log } = this.#options;
    for (const [oldest, queue] of this.#open) {
      if (this.#open.size < QUEUES_OPEN_MAX) break;
      this.#open.delete(oldest);
      queue.close().catch((error: unknown) => log.warn({ err: error }, "a queue was not closed cleanly"));
    }
    const queue = new Queue<JobData>(name, {
      connection: redis,
      prefix,
      streams: { events: { maxLen: EVENTS_KEPT } },
      defaultJobOptions: { removeOnComplete: KEPT_AFTER_END, removeOnFail: KEPT_AFTER_END },
    });
    queue.on("error", (error) => log.debug({ err: error, queue: name }, "queue connection"));
    this.#open.set(name, queue);
    return queue;
  }
}

function isLive(state: JobState | "unknown"): boolean {
  return state !== "completed" && state !== "failed" && state !== "unknown";
}
