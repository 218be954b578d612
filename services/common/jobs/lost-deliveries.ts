import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Queues } from "./queues.ts";

/** A delivery that is on its way to this process has come long before. */
const TRANSIT_MAX_MS = 1_000;
/** Timers may be a little early. */
const LOOK_AGAIN_MS = 1_050;
/** Deliveries under way at each look must not make a search endless. */
const LOOKS_MAX = 3;

export interface LostDeliveriesOptions {
  queues: Queues;
  queue: string;
  /** Aborted when the queue is another's to work on, or the session is over. */
  over: AbortSignal;
  log: Logger;
}

/**
 * Finds jobs that BullMQ handed out to nobody: Redis was killed, or the connection broke, when the job was marked as active and its worker
 * not yet told. It would wait for the end of its lock. Only for the holder of the queue's lease: each delivery is then one of its own.
 *
 * A job is taken back when the same delivery of it (BullMQ's lock token) was found twice, `TRANSIT_MAX_MS` apart, and has not come here
 * until then. Should it come even later, it joins the run of the job's next delivery, see Runner.
 */
export class LostDeliveries {
  readonly #options: LostDeliveriesOptions;
  /** Deliveries that have come and are not through. */
  readonly #here = new Set<string>();
  /** When a delivery that has not come was first found. */
  readonly #missing = new Map<string, number>();
  #searching: Promise<void> | undefined;

  constructor(options: LostDeliveriesOptions) {
    this.#options = options;
  }

  /** The delivery has come; returns what to call when it is through. */
  arrived(id: string, token: string): () => void {
    const key = deliveryKey(id, token);
    this.#here.add(key);
    this.#missing.delete(key);
    return () => void this.#here.delete(key);
  }

  /** Looks, and looks again while something is missing. A call during a search joins it. Rejects when Redis does, and when the session is over. */
  search(): Promise<void> {
    this.#searching ??= this.#search().finally(() => (this.#searching = undefined));
    return this.#searching;
  }

  async #search(): Promise<void> {
    for (let looks = 1; (await this.#look()) && looks < LOOKS_MAX; looks += 1) {
      await delay(LOOK_AGAIN_MS, undefined, { signal: this.#options.over });
    }
  }

  /** Returns whether deliveries are missing that were not taken back. */
  async #look(): Promise<boolean> {
    const { queues, queue, over, log } = this.#options;
    const beganMs = performance.now();
    const active = await queues.deliveries(queue);
    const found = new Map(active.map(({ id, token }) => [deliveryKey(id, token), { id, token }]));
    for (const key of this.#missing.keys()) if (!found.has(key)) this.#missing.delete(key);
    for (const [key, { id, token }] of found) {
      if (this.#here.has(key)) continue;
      const sinceMs = this.#missing.get(key);
      if (sinceMs === undefined) this.#missing.set(key, performance.now());
      else if (beganMs - sinceMs >= TRANSIT_MAX_MS) {
        over.throwIfAborted();
        this.#missing.delete(key);
        if (await queues.takeBack(queue, id, token))
          log.warn({ jobId: id }, "a job that was handed to nobody was taken back");
      }
    }
    return this.#missing.size > 0;
  }
}

function deliveryKey(id: string, token: string): string {
  return `${token} ${id}`;
}
