import type { Client } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { followService } from "./feed.ts";
import { OriginTracker } from "./origin-tracker.ts";
import type { ToJson } from "./projection.ts";
import type { World } from "./world.ts";

export interface UsageFeedOptions {
  world: World;
  /** Connections by service. */
  clients: ReadonlyMap<string, Client>;
  toJson: ToJson;
  log: Logger;
  signal: AbortSignal;
  fail(error: unknown): void;
}

/** One stream of usage figures. */
interface Stream {
  tracker: OriginTracker;
  /** Ends it; what it told stays until the tracker is destroyed. */
  disconnect(): void;
}

/** Watches usage figures, but only while some mirror asks for them, and only the kinds it asks for. */
export class UsageFeed {
  readonly #options: UsageFeedOptions;
  /** By service: the stream of the kinds asked for now, and before it those whose figures are shown until it has told all of its own. */
  readonly #streams = new Map<string, Stream[]>();

  constructor(options: UsageFeedOptions) {
    this.#options = options;
  }

  /** `kinds`: all that are asked for now. */
  want(kinds: readonly string[]): void {
    const { clients, signal } = this.#options;
    for (const streams of this.#streams.values()) for (const stream of streams) stream.disconnect();
    for (const [service, client] of clients) {
      if (kinds.length === 0 || signal.aborted) this.#destroyAllBut(service, undefined);
      else this.#follow(service, client, kinds);
    }
  }

  #follow(service: string, client: Client, kinds: readonly string[]): void {
    const { world, toJson, log, signal, fail } = this.#options;
    const controller = new AbortController();
    const onWhole = (): void => this.#destroyAllBut(service, stream);
    const tracker = new OriginTracker({ world, service, toJson, log, reports: () => false, onWhole });
    const stream: Stream = { tracker, disconnect: () => controller.abort() };
    const before = this.#streams.get(service) ?? [];
    for (const each of before) if (!each.tracker.everSynced) each.tracker.destroy();
    this.#streams.set(service, [...before.filter((each) => each.tracker.everSynced), stream]);
    const ends = AbortSignal.any([signal, controller.signal]);
    followService({ client, tracker, kinds, log, signal: ends }).catch(fail);
  }

  #destroyAllBut(service: string, stays: Stream | undefined): void {
    const streams = this.#streams.get(service) ?? [];
    this.#streams.set(service, stays ? [stays] : []);
    for (const stream of streams) if (stream !== stays) stream.tracker.destroy();
  }
}
