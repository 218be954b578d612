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
    const { redis, prefix } = this.#options;
    return findEndpoint(redis, prefix, host);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #tell(address: string): Promise<void> {
    const { redis, prefix, host } = this.#options;
    // A write that waits for Redis to come back is worth nothing: the next one comes soon.
    if (redis.status === "ready") await redis.set(endpointKey(prefix, host), address, "PX", TTL_MS);
  }
}

/** gRPC address of a service on a host, by the prefix of its keys; undefined when nothing has been heard of it. */
export async function findEndpoint(redis: Redis, prefix: string, host: string): Promise<string | undefined> {
  return (await redis.get(endpointKey(prefix, host))) ?? undefined;
}

function endpointKey(prefix: string, host: string): string {
  return `${prefix}:endpoint:${host}`;
}
