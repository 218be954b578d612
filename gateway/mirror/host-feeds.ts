import type { Client } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { followService } from "./feed.ts";
import type { HostFeedKind } from "./host-feed-kinds.ts";
import type { Change, Item } from "./item.ts";
import { OriginTracker } from "./origin-tracker.ts";
import type { ToJson } from "./projection.ts";
import type { World } from "./world.ts";

/** Hosts whose observations are followed. */
export const HOST_FEEDS_MAX = 1_000;

export interface HostFeedsOptions {
  world: World;
  /** What is followed: of one service. */
  feed: HostFeedKind;
  /** Tracker of the compute service that the gateway is configured with: the services it is configured with are of that one's host. */
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
 * Records come from any replica of a service, but what it observes on a host is told by its process there alone: one stream to each other
 * host, found through the host records.
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
      if ((after ?? before)?.kind === "Host") this.#follow(key.slice(key.lastIndexOf("/") + 1), this.#addressOf(after));
    }
  }

  /** The configured services tell of this host by themselves: one that does so late must not have its items told by two. */
  #yield(origin: string): void {
    const host = hostOf(origin);
    if (host !== undefined && this.#feeds.has(host) && this.#isOwn(host)) this.#drop(host);
  }

  #isOwn(host: string): boolean {
    return this.#options.compute.covers(engineOrigin(host));
  }

  #follow(host: string, address: string | undefined): void {
    const found = this.#feeds.get(host);
    if (found?.address === address) return;
    if (address === undefined) return this.#drop(host);
    found?.disconnect();
    if (!found && this.#isOwn(host)) return;
    if (!found && this.#feeds.size >= HOST_FEEDS_MAX) {
      return this.#options.log.error({ host, HOST_FEEDS_MAX }, "too many hosts to follow");
    }
    const tracker = found?.tracker ?? this.#track(host);
    this.#feeds.set(host, { address, tracker, disconnect: this.#connect(address, tracker) });
  }

  #drop(host: string): void {
    const found = this.#feeds.get(host);
    this.#feeds.delete(host);
    found?.disconnect();
    found?.tracker.destroy();
  }

  #track(host: string): OriginTracker {
    const { world, feed, toJson, log } = this.#options;
    const { service } = feed;
    // The records, and what is said of them, are left to the configured service.
    const reports = (origin: string): boolean => origin !== service;
    return new OriginTracker({ world, service, toJson, log, reports, expects: feed.expects(host) });
  }

  #connect(address: string, tracker: OriginTracker): () => void {
    const { feed, connect, log, signal, fail } = this.#options;
    const controller = new AbortController();
    const client = connect(address);
    const ends = AbortSignal.any([signal, controller.signal]);
    followService({ client, tracker, kinds: feed.kinds, log, signal: ends })
      .catch(fail)
      .finally(() => client.close());
    return () => controller.abort();
  }

  #addressOf(host: Item | undefined): string | undefined {
    if (!host) return undefined;
    const data = JSON.parse(host.text) as { status?: { endpoints?: Record<string, string> } };
    return data.status?.endpoints?.[this.#options.feed.service];
  }
}

const ENGINE_PREFIX = "docker/";

/** Origin of what a host's engine has: each compute process tells of its own. */
function engineOrigin(host: string): string {
  return `${ENGINE_PREFIX}${host}`;
}

function hostOf(origin: string): string | undefined {
  return origin.startsWith(ENGINE_PREFIX) ? origin.slice(ENGINE_PREFIX.length) : undefined;
}
