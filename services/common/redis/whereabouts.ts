import type { Redis } from "ioredis";

/** What was told last is true for that long; it is told three times as often. */
const TTL_MS = 15_000;

export interface WhereaboutsOptions {
  redis: Redis;
  /** Of the service's keys. */
  prefix: string;
  /** Host id. */
  host: string;
  /** Told of each attempt that failed; another follows. */
  onError: (error: Error) => void;
}

/** Where the processes of a service answer, host by host: keys that end by themselves when their process does. */
export class Whereabouts {
  readonly #options: WhereaboutsOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
  }

  /** Tells the others where this process answers, until `close`. */
  announce(address: string): void {
    const tell = (): void => void this.#tell(address).catch(this.#options.onError);
    tell();
    this.#timer = setInterval(tell, TTL_MS / 3);
    this.#timer.unref();
  }

  /** gRPC address of the service on a host; undefined when nothing has been heard of it. */
  async find(host: string): Promise<string | undefined> {
    return (await this.#options.redis.get(this.#key(host))) ?? undefined;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #tell(address: string): Promise<void> {
    const { redis, host } = this.#options;
    // A write that waits for Redis to come back is worth nothing: the next one comes soon.
    if (redis.status === "ready") await redis.set(this.#key(host), address, "PX", TTL_MS);
  }

  #key(host: string): string {
    return `${this.#options.prefix}:endpoint:${host}`;
  }
}
