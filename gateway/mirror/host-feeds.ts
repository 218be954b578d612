import type { Client } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { followService } from "./feed.ts";
import type { Change, Item } from "./item.ts";
import { OriginTracker } from "./origin-tracker.ts";
import type { ToJson } from "./projection.ts";
import type { World } from "./world.ts";

/** What a host's engine has; see gantry/compute/v1/engine.proto. */
const ENGINE_KINDS = ["Container", "EngineNetwork", "EngineVolume", "Image"];
/** Hosts whose observations are followed. */
export const HOST_FEEDS_MAX = 1_000;

export interface HostFeedsOptions {
  world: World;
  /** Tracker of the compute service that the gateway is configured with: its own host needs no other stream. */
  compute: OriginTracker;
  connect(address: string): Client;
  toJson: ToJson;
  log: Logger;
  signal: AbortSignal;
  fail(error: unknown): void;
}

interface HostFeed {
  address: string;
  tracker: OriginTracker;
  /** Ends the stream; the tracker stays. */
  disconnect(): void;
}

/**
 * Records come from any replica of a service, but what a host's engine has is told by that host alone: one stream to each other host,
 * found through the host records.
 */
export class HostFeeds {
  readonly #options: HostFeedsOptions;
  readonly #feeds = new Map<string, HostFeed>();

  constructor(options: HostFeedsOptions) {
    this.#options = options;
  }

  start(): void {
    const { world, signal } = this.#options;
    const stop = world.listen({
      changed: (origin, changes) => this.#changed(origin, changes),
      originChanged: ({ name }) => this.#yield(name),
    });
    signal.addEventListener("abort", stop, { once: true });
  }

  #changed(origin: string, changes: readonly Change[]): void {
    this.#yield(origin);
    for (const { key, before, after } of changes) {
      if ((after ?? before)?.kind === "Host") this.#follow(key.slice(key.lastIndexOf("/") + 1), addressOf(after));
    }
  }

  /** The configured service tells of this origin by itself: one that does so late must not have its items told by two. */
  #yield(origin: string): void {
    const host = hostOf(origin);
    if (host !== undefined && this.#feeds.has(host) && this.#options.compute.covers(origin)) this.#drop(host);
  }

  #follow(host: string, address: string | undefined): void {
    const found = this.#feeds.get(host);
    if (found?.address === address) return;
    if (address === undefined) return this.#drop(host);
    found?.disconnect();
    const origin = `docker/${host}`;
    if (!found && this.#options.compute.covers(origin)) return;
    if (!found && this.#feeds.size >= HOST_FEEDS_MAX) {
      return this.#options.log.error({ host, HOST_FEEDS_MAX }, "too many hosts to follow");
    }
    const tracker = found?.tracker ?? this.#track(origin);
    this.#feeds.set(host, { address, tracker, disconnect: this.#connect(address, tracker) });
  }

  #drop(host: string): void {
    const found = this.#feeds.get(host);
    this.#feeds.delete(host);
    found?.disconnect();
    found?.tracker.destroy();
  }

  #track(origin: string): OriginTracker {
    const { world, toJson, log } = this.#options;
    const reports = (name: string): boolean => name === origin;
    return new OriginTracker({ world, service: "compute", toJson, log, reports, expects: [origin] });
  }

  #connect(address: string, tracker: OriginTracker): () => void {
    const { connect, log, signal, fail } = this.#options;
    const controller = new AbortController();
    const client = connect(address);
    const ends = AbortSignal.any([signal, controller.signal]);
    followService({ client, tracker, kinds: ENGINE_KINDS, log, signal: ends })
      .catch(fail)
      .finally(() => client.close());
    return () => controller.abort();
  }
}

/** `h1` of `docker/h1`. */
function hostOf(origin: string): string | undefined {
  return origin.startsWith("docker/") ? origin.slice("docker/".length) : undefined;
}

function addressOf(host: Item | undefined): string | undefined {
  if (!host) return undefined;
  const data = JSON.parse(host.text) as { status?: { endpoints?: Record<string, string> } };
  return data.status?.endpoints?.["compute"];
}
