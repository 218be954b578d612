import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { HostUsage } from "../../../../proto/gen/gantry/compute/v1/host.ts";
import { InstanceUsage } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { identityOf, KIND_INSTANCE, otherRealmOf } from "../../../common/engine/labels.ts";
import type { EngineObserver } from "../../../common/engine/observer/observer.ts";
import { projectOf } from "../../../common/names/resource-names.ts";
import { observationName, type ObservationSet } from "../../../common/watch/observations.ts";
import type { ContainerMeter, Metered } from "./container-meter.ts";
import { type ContainerCounters, instanceUsage } from "./counters.ts";
import { type HostCounters, hostUsage, readHostCounters } from "./host-counters.ts";

export const KIND_HOST_USAGE = "HostUsage";
export const KIND_INSTANCE_USAGE = "InstanceUsage";
const USAGE_KINDS = [KIND_HOST_USAGE, KIND_INSTANCE_USAGE] as const;
type UsageKind = (typeof USAGE_KINDS)[number];

export const SAMPLE_INTERVAL_MS = 5_000;
/** The first sample comes this long after a kind is asked for: a share needs two moments. */
export const FIRST_SAMPLE_DELAY_MS = 500;
const CONCURRENCY = 8;

export interface UsageSamplerOptions {
  /** Host id. */
  host: string;
  /** Id of the realm: usage is sampled of its instances alone. */
  realm: string;
  observer: EngineObserver;
  meter: ContainerMeter;
  /** Its origin is `docker/<host>`. */
  set: ObservationSet;
  /** A folder on the file system that holds the engine's data. */
  diskPath: () => string;
  log: Logger;
  signal: AbortSignal;
  intervalMs?: number;
}

/** Samples usage figures while somebody asks for them. */
export class UsageSampler {
  readonly #options: UsageSamplerOptions;
  readonly #demands = new Map<UsageKind, number>(USAGE_KINDS.map((kind) => [kind, 0]));
  #active = false;
  #host: HostCounters | undefined;
  readonly #instances = new Map<string, ContainerCounters>();
  readonly #shown = new Set<string>();
  #version = 0;

  constructor(options: UsageSamplerOptions) {
    this.#options = options;
  }

  /** Kinds that a watcher asks for by name; others are ignored. Call what is returned when it asks no longer. */
  demand(kinds: readonly string[]): () => void {
    const asked = USAGE_KINDS.filter((kind) => kinds.includes(kind));
    for (const kind of asked) this.#count(kind, 1);
    this.#begin();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      for (const kind of asked) this.#count(kind, -1);
    };
  }

  #count(kind: UsageKind, by: number): void {
    this.#demands.set(kind, this.#demands.get(kind)! + by);
  }

  #wanted(kind: UsageKind): boolean {
    return this.#demands.get(kind)! > 0;
  }

  #begin(): void {
    const wanted = USAGE_KINDS.some((kind) => this.#wanted(kind));
    if (this.#active || !wanted || this.#options.signal.aborted) return;
    this.#active = true;
    void this.#run().finally(() => {
      this.#active = false;
      // Somebody may have asked while it ended.
      this.#begin();
    });
  }

  async #run(): Promise<void> {
    const { signal, log, intervalMs = SAMPLE_INTERVAL_MS } = this.#options;
    let waitMs = FIRST_SAMPLE_DELAY_MS;
    while (!signal.aborted && USAGE_KINDS.some((kind) => this.#wanted(kind))) {
      try {
        await this.#sample();
        await delay(waitMs, undefined, { signal });
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ err: error }, "usage could not be sampled");
        await delay(intervalMs, undefined, { signal }).catch(() => undefined);
      }
      waitMs = intervalMs;
    }
    this.#host = undefined;
    this.#instances.clear();
    for (const name of this.#shown) this.#options.set.delete(name);
    this.#shown.clear();
  }

  async #sample(): Promise<void> {
    if (this.#wanted(KIND_HOST_USAGE)) await this.#sampleHost();
    if (this.#wanted(KIND_INSTANCE_USAGE)) await this.#sampleInstances();
  }

  async #sampleHost(): Promise<void> {
    const { host, diskPath } = this.#options;
    const after = await readHostCounters(diskPath());
    if (this.#host) {
      const bytes = HostUsage.encode(hostUsage(`hosts/${host}`, this.#host, after)).finish();
      this.#show(KIND_HOST_USAGE, host, "gantry.compute.v1.HostUsage", bytes, "", {});
    }
    this.#host = after;
  }

  async #sampleInstances(): Promise<void> {
    const { realm, observer, meter } = this.#options;
    const running = observer.all("container").flatMap((container) => {
      const identity = identityOf(container.labels);
      if (otherRealmOf(container.labels, realm) !== undefined) return [];
      if (identity?.kind !== KIND_INSTANCE || container.state !== "running" || container.pid === 0) return [];
      const metered: Metered = { id: container.id, pid: container.pid, memoryLimitBytes: container.memoryLimitBytes };
      return [{ metered, name: identity.name, labels: container.labels, container: container.name }];
    });
    meter.retain(running.map(({ metered }) => metered));
    const alive = new Set<string>();
    const queue = [...running];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        const { metered, name, labels, container } = next;
        const after = await this.#read(metered);
        if (!after) continue;
        alive.add(metered.id);
        const before = this.#instances.get(metered.id);
        this.#instances.set(metered.id, after);
        if (!before) continue;
        const bytes = InstanceUsage.encode(instanceUsage(name, before, after)).finish();
        this.#show(KIND_INSTANCE_USAGE, container, "gantry.compute.v1.InstanceUsage", bytes, projectOf(name), labels);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    for (const id of this.#instances.keys()) if (!alive.has(id)) this.#instances.delete(id);
    this.#hideOthers(new Set(running.map(({ container }) => container)));
  }

  /** Undefined when the container has ended in the meantime. */
  async #read(metered: Metered): Promise<ContainerCounters | undefined> {
    try {
      return await this.#options.meter.read(metered, this.#options.signal);
    } catch (error) {
      this.#options.log.debug({ err: error, container: metered.id }, "no usage figures of a container");
      return undefined;
    }
  }

  #show(
    kind: UsageKind,
    id: string,
    typeName: string,
    bytes: Uint8Array,
    project: string,
    labels: Record<string, string>,
  ): void {
    const { set } = this.#options;
    const name = observationName(set.origin, kind, id);
    this.#shown.add(name);
    set.put({ kind, name, version: `u${(this.#version += 1)}`, labels, project, typeName, bytes });
  }

  #hideOthers(containers: ReadonlySet<string>): void {
    const prefix = observationName(this.#options.set.origin, KIND_INSTANCE_USAGE, "");
    for (const name of this.#shown) {
      if (!name.startsWith(prefix) || containers.has(name.slice(prefix.length))) continue;
      this.#options.set.delete(name);
      this.#shown.delete(name);
    }
  }
}
