import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { KubernetesClient } from "../client.ts";
import { isKubernetesStatus, kubernetesAnswerError } from "../errors.ts";
import { watch } from "../watch.ts";
import type { ObservedKind } from "./kinds.ts";
import type { KindTable } from "./kind-table.ts";
import { count, text } from "./raw.ts";

export const RETRY_DELAY_MIN_MS = 100;
export const RETRY_DELAY_MAX_MS = 2_000;
/** A watch is ended by the server after this long, and taken up where it was. Spread, so that not all end at once. */
const WATCH_SECONDS_MIN = 600;
/** An API that does not serve the kind may do so later. */
export const UNSERVED_DELAY_MS = 60_000;
/** A list to fill room that became free, when a kind has more objects than are shown. */
export const REFILL_INTERVAL_MS = 30_000;

export interface ReflectorState {
  state: "listing" | "following" | "failed";
  /** Why it failed. */
  message: string;
}

/** Told of the objects as they came. */
export interface ObjectListener {
  beginList(): void;
  listed(raw: unknown): void;
  /** Everything there is has been listed. */
  endList(): void;
  put(raw: unknown): void;
  deleted(raw: unknown): void;
}

export interface ReflectorOptions {
  kind: ObservedKind;
  client: KubernetesClient;
  table: KindTable;
  /** Besides the table. */
  listener?: ObjectListener | undefined;
  onState(): void;
  log: Logger;
  signal: AbortSignal;
  refillIntervalMs?: number | undefined;
}

/** Keeps one kind of a cluster's objects: lists, tells the differences, follows. Whatever breaks, it lists again. */
export class Reflector {
  readonly #options: ReflectorOptions;
  #state: ReflectorState = { state: "listing", message: "" };
  #listedAtMs = 0;
  #refill = false;

  constructor(options: ReflectorOptions) {
    this.#options = options;
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** Until the signal aborts. Never rejects. */
  async run(): Promise<void> {
    const { signal, kind, log } = this.#options;
    let delayMs = RETRY_DELAY_MIN_MS;
    while (!signal.aborted) {
      try {
        const version = await this.#list();
        delayMs = RETRY_DELAY_MIN_MS;
        await this.#follow(version);
      } catch (error) {
        if (signal.aborted) return;
        if (isKubernetesStatus(error, 404)) {
          await this.#unserved();
          continue;
        }
        // The list, or where the watch was, is too old: nothing is wrong, and nothing is known to be missing yet.
        if (!isKubernetesStatus(error, 410)) {
          log.debug({ err: error, kind: kind.kind }, "objects of a cluster cannot be followed");
          this.#set("failed", error instanceof Error ? error.message : String(error));
        }
        await delay(delayMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
        delayMs = Math.min(delayMs * 2, RETRY_DELAY_MAX_MS);
      }
    }
  }

  /** Version that the list is of. */
  async #list(): Promise<string> {
    const { client, kind, table, signal, listener } = this.#options;
    if (this.#state.state !== "failed") this.#set("listing");
    let version = "";
    async function* objects(): AsyncGenerator<unknown> {
      listener?.beginList();
      for await (const page of client.pages<unknown>(kind.path, { signal })) {
        version = page.resourceVersion;
        for (const raw of page.items) {
          listener?.listed(raw);
          yield raw;
        }
      }
    }
    await table.replace(objects());
    listener?.endList();
    this.#listedAtMs = performance.now();
    this.#refill = false;
    return version;
  }

  /** Ends only to list again: by throwing, or to fill room. */
  async #follow(listed: string): Promise<void> {
    let version = listed;
    const { signal, client } = this.#options;
    while (!signal.aborted) {
      if (this.#refillDue()) return;
      const before = performance.now();
      version = await this.#watch(version, await client.connection(signal));
      // Servers end a watch after minutes: one that ends at once is no reason to ask without a pause.
      if (performance.now() - before < RETRY_DELAY_MIN_MS) {
        await delay(RETRY_DELAY_MIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Until the server ends it; the version to go on from. */
  async #watch(from: string, connection: Awaited<ReturnType<KubernetesClient["connection"]>>): Promise<string> {
    const { kind, table, listener, onState, signal } = this.#options;
    let version = from;
    const stop = new AbortController();
    const onEvent = (type: string, object: unknown): void => {
      if (type === "ERROR") {
        throw kubernetesAnswerError(count(object, "code"), `watch of ${kind.path}`, JSON.stringify(object));
      }
      version = text(object, "metadata", "resourceVersion") || version;
      if (type === "BOOKMARK") return;
      const wasFull = table.full;
      if (type === "DELETED") {
        listener?.deleted(object);
        if (table.delete(object)) this.#refill = true;
      } else {
        listener?.put(object);
        table.put(object);
      }
      if (table.full !== wasFull) onState();
    };
    const refill = setInterval(() => {
      if (this.#refillDue()) stop.abort();
    }, this.#refillIntervalMs);
    try {
      await watch(connection, {
        path: kind.path,
        query: {
          resourceVersion: from,
          allowWatchBookmarks: true,
          timeoutSeconds: Math.round(WATCH_SECONDS_MIN * (1 + Math.random())),
        },
        onOpen: () => this.#set("following"),
        onEvent,
        signal: AbortSignal.any([signal, stop.signal]),
      });
    } finally {
      clearInterval(refill);
    }
    return version;
  }

  get #refillIntervalMs(): number {
    return this.#options.refillIntervalMs ?? REFILL_INTERVAL_MS;
  }

  #refillDue(): boolean {
    return this.#refill && performance.now() - this.#listedAtMs >= this.#refillIntervalMs;
  }

  /** No objects, for now. */
  async #unserved(): Promise<void> {
    const { table, signal } = this.#options;
    await table.replace(nothing());
    this.#set("following");
    await delay(UNSERVED_DELAY_MS, undefined, { signal }).catch(() => undefined);
  }

  #set(state: ReflectorState["state"], message = ""): void {
    if (this.#state.state === state && this.#state.message === message) return;
    this.#state = { state, message };
    this.#options.onState();
  }
}

async function* nothing(): AsyncGenerator<never> {}
