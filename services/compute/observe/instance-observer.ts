import { status as Code } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import { type Instance, InstanceStatus } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { identityOf, KIND_INSTANCE } from "../../common/engine/labels.ts";
import type { EngineChange } from "../../common/engine/observer/changes.ts";
import type { EngineObserver } from "../../common/engine/observer/observer.ts";
import { REFINE_DELAY_MS, Refiner } from "../../common/engine/observer/refiner.ts";
import type { ContainerState } from "../../common/engine/state.ts";
import { GantryError } from "../../common/errors/errors.ts";
import type { Store } from "../../common/store/api.ts";
import type { InstanceCatalog } from "../instances/catalog.ts";
import { hasInnerEngine } from "../instances/defaults.ts";
import { instanceKind } from "../kinds.ts";
import { ContainersByUid } from "../../common/observe/containers-by-uid.ts";
import { CONDITION_CRASH_LOOP, crashFreeInMs } from "./crash-loop.ts";
import { CONDITION_INNER_ENGINE_READY, observedStatus } from "./instance-status.ts";

/** While a job runs on an instance its end writes the status; only what takes longer is written in between. */
export const BUSY_DELAY_MS = 1_000;
/** Between two questions to an inner engine that does not answer yet; doubles up to the greatest. */
export const READINESS_INTERVAL_MIN_MS = 200;
export const READINESS_INTERVAL_MAX_MS = 3_000;
/** Until a write that failed is tried again. */
const RETRY_DELAY_MS = 1_000;

export interface InstanceObserverOptions {
  /** Host id. */
  host: string;
  store: Store;
  observer: EngineObserver;
  catalog: InstanceCatalog;
  /** Version of the inner engine once it answers; rejects while it does not. */
  askInnerEngine: (instance: Instance, signal: AbortSignal) => Promise<string>;
  log: Logger;
  signal: AbortSignal;
}

/** What is known of an inner engine, for one start of its container. */
interface Readiness {
  start: number;
  ready: boolean;
  version: string;
  intervalMs: number;
}

/**
 * Writes the status of this host's instances as their containers show it, whenever it differs from the record's. Level-triggered: looks
 * at an instance when its container or its record changes, and at all of them when the engine's observer has become live.
 */
export class InstanceObserver {
  readonly #options: InstanceObserverOptions;
  readonly #containers: ContainersByUid;
  readonly #checks = new Refiner((name) => this.#check(name));
  readonly #busySince = new Map<string, number>();
  readonly #readiness = new Map<string, Readiness>();
  readonly #later = new Map<string, { timer: NodeJS.Timeout; dueMs: number }>();
  readonly #stops: (() => void)[] = [];

  constructor(options: InstanceObserverOptions) {
    this.#options = options;
    this.#containers = new ContainersByUid();
  }

  start(): void {
    const { observer, catalog, host, signal } = this.#options;
    for (const container of observer.all("container")) this.#containers.put(container);
    this.#stops.push(
      observer.onChange((changes) => {
        for (const change of changes) this.#onEngine(change);
      }),
      observer.onStatus((status) => {
        if (status.state === "live") this.#checkAll();
      }),
      catalog.onChange((instance, deleted) => {
        const { name = "", uid = "", host: on } = instance.meta ?? {};
        if (deleted) this.#forget(name, uid);
        else if (on === host) this.#checks.request(name, REFINE_DELAY_MS);
      }),
    );
    signal.addEventListener("abort", () => this.close(), { once: true });
    if (observer.status.state === "live") this.#checkAll();
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
    for (const { timer } of this.#later.values()) clearTimeout(timer);
    this.#later.clear();
    this.#checks.clear();
  }

  #checkAll(): void {
    for (const instance of this.#options.catalog.onHost(this.#options.host)) {
      this.#checks.request(instance.meta!.name);
    }
  }

  #onEngine(change: EngineChange): void {
    if (change.kind !== "container") return;
    const labels = change.type === "put" ? change.object.labels : change.previous.labels;
    const identity = identityOf(labels);
    if (identity?.kind !== KIND_INSTANCE) return;
    if (change.type === "put") this.#containers.put(change.object);
    else this.#containers.delete(change.previous);
    // What an event alone told is completed in a moment.
    if (change.type === "delete" || change.object.detailed) this.#checks.request(identity.name);
  }

  async #check(name: string): Promise<void> {
    const { catalog, observer, host, signal, log } = this.#options;
    const instance = catalog.get(name);
    if (signal.aborted || instance?.meta?.host !== host || observer.status.state !== "live") return;
    const container = this.#containers.find(instance.meta.uid, instance.status?.containerId ?? "");
    if (container && !container.detailed) return;
    if (this.#waitsForJob(instance)) return;
    try {
      const ready = container ? await this.#innerEngineReady(instance, container) : false;
      // One moment for both: a status that says "not yet" must be followed by another look.
      const now = this.#options.store.now();
      const { conditions } = await this.#write(instance, container, ready, now);
      const crashLoop = conditions.find(({ type }) => type === CONDITION_CRASH_LOOP);
      const crashFreeMs = crashFreeInMs(crashLoop, container, now);
      if (crashFreeMs > 0) this.#checkLater(name, crashFreeMs);
    } catch (error) {
      if (signal.aborted || (error instanceof GantryError && error.code === Code.NOT_FOUND)) return;
      log.warn({ err: error, instance: name }, "an instance's status could not be written; it is tried again");
      this.#checkLater(name, RETRY_DELAY_MS);
    }
  }

  #waitsForJob(instance: Instance): boolean {
    const { name, operation } = instance.meta!;
    if (operation === "") {
      this.#busySince.delete(name);
      return false;
    }
    const now = performance.now();
    const since = this.#busySince.get(name) ?? now;
    this.#busySince.set(name, since);
    const left = since + BUSY_DELAY_MS - now;
    if (left <= 0) return false;
    this.#checkLater(name, left);
    return true;
  }

  /** Whether the inner engine answers, as far as it is known; asks again later while it does not. */
  async #innerEngineReady(instance: Instance, container: ContainerState): Promise<boolean> {
    const { name, uid } = instance.meta!;
    if (!instance.spec || !hasInnerEngine(instance.spec) || container.state !== "running") return false;
    const start = container.startTime?.getTime() ?? 0;
    let known = this.#readiness.get(uid);
    if (known?.start !== start) {
      known = { start, ready: recordedReady(instance, start), version: "", intervalMs: READINESS_INTERVAL_MIN_MS };
      this.#readiness.set(uid, known);
    }
    if (known.ready) return true;
    try {
      known.version = await this.#options.askInnerEngine(instance, this.#options.signal);
      known.ready = true;
    } catch (error) {
      this.#options.log.trace({ err: error, instance: name }, "the inner engine does not answer yet");
      this.#checkLater(name, known.intervalMs);
      known.intervalMs = Math.min(known.intervalMs * 2, READINESS_INTERVAL_MAX_MS);
    }
    return known.ready;
  }

  async #write(
    instance: Instance,
    container: ContainerState | undefined,
    ready: boolean,
    now: Date,
  ): Promise<InstanceStatus> {
    const { store, host } = this.#options;
    const version = this.#readiness.get(instance.meta!.uid)?.version ?? "";
    const next = (record: Instance): InstanceStatus => {
      const status = observedStatus(record, container, ready, now);
      return ready && version !== "" ? { ...status, innerEngineVersion: version } : status;
    };
    const wanted = next(instance);
    if (sameStatus(instance.status, wanted)) return wanted;
    await store.mutate(instanceKind, instance.meta!.name, (record) => {
      if (record.meta?.uid !== instance.meta!.uid || record.meta.host !== host) return false;
      const status = next(record);
      if (sameStatus(record.status, status)) return false;
      record.status = status;
      return undefined;
    });
    return wanted;
  }

  /** Or earlier, where another look is due before that. */
  #checkLater(name: string, delayMs: number): void {
    const dueMs = performance.now() + delayMs;
    const known = this.#later.get(name);
    if (known && known.dueMs <= dueMs) return;
    clearTimeout(known?.timer);
    const timer = setTimeout(() => {
      this.#later.delete(name);
      this.#checks.request(name);
    }, delayMs);
    this.#later.set(name, { timer, dueMs });
  }

  #forget(name: string, uid: string): void {
    this.#busySince.delete(name);
    this.#readiness.delete(uid);
    clearTimeout(this.#later.get(name)?.timer);
    this.#later.delete(name);
  }
}

/** Whether the record says that the inner engine answered after this very start. */
function recordedReady(instance: Instance, start: number): boolean {
  if (instance.status?.startTime?.getTime() !== start) return false;
  return instance.status.conditions.some(
    ({ type, status }) => type === CONDITION_INNER_ENGINE_READY && status === ConditionStatus.CONDITION_STATUS_TRUE,
  );
}

function sameStatus(a: InstanceStatus | undefined, b: InstanceStatus): boolean {
  return a !== undefined && Buffer.from(InstanceStatus.encode(a).finish()).equals(InstanceStatus.encode(b).finish());
}
