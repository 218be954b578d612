import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { GantryError, internal } from "../../errors/errors.ts";
import { findContainer } from "../api/containers.ts";
import { listImages } from "../api/images.ts";
import { findNetwork } from "../api/networks.ts";
import { findVolume } from "../api/volumes.ts";
import type { Engine } from "../engine.ts";
import { engineGone } from "../errors.ts";
import { jsonLines } from "../json-lines.ts";
import { containerFromInspect, type EngineKind, type EngineStates, imageFromList } from "../state.ts";
import { networkFromInspect, volumeFromInspect } from "../state.ts";
import { applyEffect } from "./apply.ts";
import { deleteObject, diffTables, emptyTables, type EngineChange, putObject, type Tables } from "./changes.ts";
import { type Effect, effectsOf, type EngineEvent } from "./events.ts";
import { listEverything } from "./lists.ts";
import { REFINE_DELAY_MS, Refiner } from "./refiner.ts";

/** The engine drops events of a slow reader without a word: from time to time everything is listed again. */
export const RELIST_INTERVAL_MS = 30_000;
export const PING_INTERVAL_MS = 5_000;
export const PING_TIMEOUT_MS = 5_000;
export const RECONNECT_DELAY_MIN_MS = 50;
export const RECONNECT_DELAY_MAX_MS = 2_000;
/** Image events come in bursts (one per layer and tag): lists of images are at least this far apart. */
export const IMAGE_LIST_INTERVAL_MS = 100;
/** Events kept while a list is under way; more than that and everything begins anew. */
export const QUEUED_EVENTS_MAX = 50_000;
const INSPECT_TIMEOUT_MS = 30_000;
/** A container that was made is usually started at once, and that asks about it anyway: until then its details wait this long. */
const START_DELAY_MS = 1_000;

export interface ObserverStatus {
  /** `resyncing`: listing; `stale`: the engine does not answer, what is known was true `since`. */
  state: "live" | "resyncing" | "stale";
  message: string;
  since: Date;
}

export interface ObserverOptions {
  engine: Engine;
  log: Logger;
  relistIntervalMs?: number;
  pingIntervalMs?: number;
}

/**
 * Keeps an image of everything the engine has: list, diff, then follow. The engine's event stream has a small buffer and cannot be
 * resumed, so after every (re)connect all objects are listed and compared; events that come meanwhile are kept and applied on top.
 * A state that an event tells is shown at once and completed by an inspect.
 */
export class EngineObserver {
  readonly #engine: Engine;
  readonly #log: Logger;
  readonly #relistIntervalMs: number;
  readonly #pingIntervalMs: number;
  readonly #refiner: Refiner;
  readonly #changeListeners = new Set<(changes: readonly EngineChange[]) => void>();
  readonly #statusListeners = new Set<(status: ObserverStatus) => void>();
  #tables: Tables = emptyTables();
  #status: ObserverStatus = { state: "resyncing", message: "not connected yet", since: new Date() };
  /** Events that came while a list is under way; undefined when none is. */
  #queued: EngineEvent[] | undefined;
  /** By id: grows with each event. An inspect that began before an event may not overwrite what the event told. */
  readonly #touched = new Map<string, number>();
  #touches = 0;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: ObserverOptions) {
    this.#engine = options.engine;
    this.#log = options.log;
    this.#relistIntervalMs = options.relistIntervalMs ?? RELIST_INTERVAL_MS;
    this.#pingIntervalMs = options.pingIntervalMs ?? PING_INTERVAL_MS;
    this.#refiner = new Refiner((key) => this.#refine(key));
  }

  get status(): ObserverStatus {
    return this.#status;
  }

  get<K extends EngineKind>(kind: K, id: string): EngineStates[K] | undefined {
    return (this.#tables[kind] as Map<string, EngineStates[K]>).get(id);
  }

  all<K extends EngineKind>(kind: K): EngineStates[K][] {
    return [...(this.#tables[kind] as Map<string, EngineStates[K]>).values()];
  }

  /** Called with what changed, in order; not with what is known already. Returns the way to stop. */
  onChange(listener: (changes: readonly EngineChange[]) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onStatus(listener: (status: ObserverStatus) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  /** Resolves when the observer is live (at once if it is). */
  live(signal: AbortSignal): Promise<void> {
    if (this.#status.state === "live") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        stop();
        reject(signal.reason as Error);
      };
      const stop = this.onStatus((status) => {
        if (status.state !== "live") return;
        stop();
        signal.removeEventListener("abort", onAbort);
        resolve();
      });
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Resolves when every question about an object has been answered. */
  settled(): Promise<void> {
    return this.#refiner.idle();
  }

  /** Observes until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    let delayMs = RECONNECT_DELAY_MIN_MS;
    while (!signal.aborted) {
      try {
        await this.#connection(signal, () => {
          delayMs = RECONNECT_DELAY_MIN_MS;
        });
      } catch (error) {
        if (signal.aborted) break;
        const message = error instanceof Error ? error.message : String(error);
        if (this.#status.state !== "stale") this.#log.warn({ err: error }, "engine observer lost its engine");
        this.#setStatus("stale", message);
      }
      await delay(delayMs, undefined, { signal }).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, RECONNECT_DELAY_MAX_MS);
    }
    this.#refiner.clear();
  }

  /** One connection: ends by throwing why it ended. */
  async #connection(signal: AbortSignal, onLive: () => void): Promise<void> {
    const stop = new AbortController();
    const inner = AbortSignal.any([signal, stop.signal]);
    // The engine sends its headers before it listens to itself: `since` covers what happens in between.
    const since = (Date.now() / 1000).toFixed(3);
    const stream = await this.#engine.stream("GET", "/events", { query: { since }, signal: inner });
    this.#queued = [];
    try {
      const reading = this.#read(jsonLines<EngineEvent>(stream));
      const following = this.#follow(inner, onLive);
      await Promise.race([reading, following]).finally(() => stop.abort());
    } finally {
      this.#queued = undefined;
      this.#refiner.clear();
    }
  }

  async #read(events: AsyncIterable<EngineEvent>): Promise<never> {
    for await (const event of fromEngine(events)) {
      if (this.#queued === undefined) {
        this.#applyNow(event);
      } else {
        if (this.#queued.length >= QUEUED_EVENTS_MAX) {
          throw internal("EVENT_QUEUE_FULL", `more than ${QUEUED_EVENTS_MAX} events came during one list`);
        }
        this.#queued.push(event);
      }
    }
    throw engineGone("GET /events", "the event stream ended");
  }

  async #follow(signal: AbortSignal, onLive: () => void): Promise<never> {
    this.#setStatus("resyncing", "listing everything the engine has");
    await this.#sync(signal, true);
    this.#setStatus("live", "");
    onLive();
    let listed = performance.now();
    for (;;) {
      await delay(this.#pingIntervalMs, undefined, { signal });
      await this.#engine.ping({ timeoutMs: PING_TIMEOUT_MS, signal });
      if (performance.now() - listed < this.#relistIntervalMs) continue;
      await this.#sync(signal, false);
      listed = performance.now();
    }
  }

  /** Lists everything, lays the events that came meanwhile on top and tells the difference to what was known. */
  async #sync(signal: AbortSignal, whole: boolean): Promise<void> {
    this.#queued ??= [];
    try {
      const tables = (await listEverything(this.#engine, signal))(this.#tables);
      const effects = this.#queued.flatMap(effectsOf);
      for (const effect of effects) this.#touch(applyEffect(tables, effect)?.id);
      const changes = diffTables(this.#tables, tables);
      this.#tables = tables;
      this.#queued = undefined;
      this.#emit(changes);
      for (const effect of effects) this.#followUp(effect);
      const changed = new Set(changes.map((change) => change.id));
      for (const { id, detailed } of tables.container.values()) {
        if (whole || !detailed || changed.has(id)) this.#refiner.request(`container/${id}`);
      }
      for (const id of this.#touched.keys()) {
        if (!tables.container.has(id) && !tables.network.has(id) && !tables.volume.has(id)) this.#touched.delete(id);
      }
    } finally {
      this.#queued = undefined;
    }
  }

  #applyNow(event: EngineEvent): void {
    for (const effect of effectsOf(event)) {
      const change = applyEffect(this.#tables, effect);
      this.#touch(change?.id);
      if (change) this.#emit([change]);
      this.#followUp(effect);
    }
  }

  #followUp(effect: Effect): void {
    if (effect.type === "inspect") {
      const notStarted = effect.kind === "container" && this.get("container", effect.id)?.state === "created";
      const laterMs = notStarted ? START_DELAY_MS : REFINE_DELAY_MS;
      this.#refiner.request(`${effect.kind}/${effect.id}`, effect.soon ? laterMs : 0);
    } else if (effect.type === "list-images") this.#refiner.request("image/");
  }

  #touch(id: string | undefined): void {
    if (id !== undefined) this.#touched.set(id, (this.#touches += 1));
  }

  /** Asks about one object and shows the answer, unless an event told something newer while the engine answered. */
  async #refine(key: string): Promise<void> {
    const [kind = "", id = ""] = [key.slice(0, key.indexOf("/")), key.slice(key.indexOf("/") + 1)];
    const touched = this.#touched.get(id);
    try {
      const change = await this.#ask(kind as EngineKind, id, () => this.#touched.get(id) === touched);
      if (change.length > 0) this.#emit(change);
    } catch (error) {
      // When the engine is gone the connection ends too and everything is listed again; the next list asks again for the rest.
      if (!this.#signal.aborted) this.#log.debug({ err: error, key }, "engine object could not be inspected");
    }
  }

  async #ask(kind: EngineKind, id: string, current: () => boolean): Promise<EngineChange[]> {
    const limits = { signal: this.#signal, timeoutMs: INSPECT_TIMEOUT_MS };
    const put = <K extends EngineKind>(of: K, object: EngineStates[K] | undefined): EngineChange[] => {
      if (!current() || !this.#tables[of].has(id)) return [];
      const change = object ? putObject(this.#tables, of, object) : deleteObject(this.#tables, of, id);
      return change ? [change] : [];
    };
    switch (kind) {
      case "container": {
        const raw = await findContainer(this.#engine, id, limits);
        return put("container", raw && containerFromInspect(raw));
      }
      case "network": {
        const raw = await findNetwork(this.#engine, id, limits);
        return put("network", raw && networkFromInspect(raw));
      }
      case "volume": {
        const raw = await findVolume(this.#engine, id, limits);
        return put("volume", raw && volumeFromInspect(raw));
      }
      case "image":
        return this.#relistImages(limits);
    }
  }

  async #relistImages(limits: { signal: AbortSignal; timeoutMs: number }): Promise<EngineChange[]> {
    const images = await listImages(this.#engine, limits);
    const after: Tables = { ...this.#tables, image: new Map(images.map((raw) => [raw.Id, imageFromList(raw)])) };
    const changes = diffTables(this.#tables, after);
    this.#tables = after;
    this.#emit(changes);
    await delay(IMAGE_LIST_INTERVAL_MS, undefined, { signal: this.#signal });
    return [];
  }

  #emit(changes: readonly EngineChange[]): void {
    if (changes.length === 0) return;
    for (const change of changes) if (change.type === "delete") this.#touched.delete(change.id);
    for (const listener of this.#changeListeners) {
      try {
        listener(changes);
      } catch (error) {
        this.#log.error({ err: error }, "a listener of the engine observer failed");
      }
    }
  }

  #setStatus(state: ObserverStatus["state"], message: string): void {
    if (this.#status.state === state && this.#status.message === message) return;
    this.#status = { state, message, since: new Date() };
    for (const listener of this.#statusListeners) listener(this.#status);
  }
}

/** What breaks the stream is told as what it means: the engine is gone. */
async function* fromEngine<T>(events: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* events;
  } catch (error) {
    throw error instanceof GantryError ? error : engineGone("GET /events", error);
  }
}
