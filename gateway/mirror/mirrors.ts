import type { Logger } from "pino";
import { Catalog } from "./catalog.ts";
import type { MirrorLimits } from "./limits.ts";
import { OriginTracker } from "./origin-tracker.ts";
import type { ToJson } from "./projection.ts";
import { World } from "./world.ts";

/** The five services; one that is not configured is shown as stale. */
export const SERVICES = ["compute", "cluster", "network", "storage", "registry"] as const;

export interface MirrorsOptions {
  toJson: ToJson;
  log: Logger;
  /** Services whose Watch is followed. */
  services: readonly string[];
  usageWanted?(kinds: readonly string[]): void;
  bookmarkIntervalMs?: number;
  limits?: Partial<MirrorLimits>;
}

/** What the gateway knows and the mirrors of it. Feed the trackers with what Watch says. */
export class Mirrors {
  readonly world = new World();
  readonly trackers = new Map<string, OriginTracker>();
  readonly catalog: Catalog;
  readonly #waiting = new Set<() => void>();
  readonly #unlisten: () => void;

  constructor(options: MirrorsOptions) {
    const { log, services, toJson, ...rest } = options;
    for (const service of services) {
      this.trackers.set(service, new OriginTracker({ world: this.world, service, toJson, log }));
    }
    for (const name of SERVICES) {
      if (services.includes(name)) continue;
      this.world.setOrigin({ name, state: "stale", asOf: undefined, message: "not configured" });
    }
    const everSynced = (service: string): boolean => this.trackers.get(service)?.everSynced ?? true;
    this.catalog = new Catalog({ world: this.world, log, everSynced, ...rest });
    this.#unlisten = this.world.listen({ changed: () => undefined, originChanged: () => this.#look() });
  }

  /** True when every service that is followed was listed whole once. */
  get listed(): boolean {
    return [...this.trackers.values()].every((tracker) => tracker.everSynced);
  }

  /** Resolves once `check` holds, looked at whenever the state of an origin changes; false after `timeoutMs`. */
  async when(check: () => boolean, timeoutMs: number): Promise<boolean> {
    if (check()) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = (): void => {
      if (check()) resolve(true);
    };
    this.#waiting.add(look);
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const holds = await promise;
    clearTimeout(timer);
    this.#waiting.delete(look);
    return holds;
  }

  destroy(): void {
    this.#unlisten();
    this.catalog.destroy();
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}
