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

/** Watches usage figures, but only while some mirror asks for them, and only the kinds it asks for. */
export class UsageFeed {
  readonly #options: UsageFeedOptions;
  #stop: (() => void) | undefined;

  constructor(options: UsageFeedOptions) {
    this.#options = options;
  }

  /** `kinds`: all that are asked for now. */
  want(kinds: readonly string[]): void {
    const { world, clients, toJson, log, signal, fail } = this.#options;
    this.#stop?.();
    this.#stop = undefined;
    if (kinds.length === 0 || signal.aborted) return;
    const controller = new AbortController();
    const ends = AbortSignal.any([signal, controller.signal]);
    const trackers = [...clients].map(([service, client]) => {
      const tracker = new OriginTracker({ world, service, toJson, log, reports: () => false });
      followService({ client, tracker, kinds, log, signal: ends }).catch(fail);
      return tracker;
    });
    this.#stop = () => {
      controller.abort();
      for (const tracker of trackers) tracker.destroy();
    };
  }
}
