import type { OriginState, WatchRequest, WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";
import { OriginStatus } from "../../../proto/gen/gantry/common/v1/watch.ts";
import type { Principal } from "../auth/principal.ts";
import { visibleProjects } from "../auth/principal.ts";
import { resourceExhausted } from "../errors/errors.ts";
import type { Sink } from "../rpc/call.ts";
import { Limiter } from "../rpc/limiter.ts";
import type { AnyKind } from "../store/api.ts";
import type { StoreHandle } from "../store/store.ts";
import type { BatchTrailer } from "./batch.ts";
import { encodeBatch } from "./batch.ts";
import type { Visible } from "./filter.ts";
import { WatchFilter } from "./filter.ts";
import { ObservationFeed } from "./observation-feed.ts";
import { WATCH_LIMITS, type WatchLimits } from "./limits.ts";
import type { ObservationSource } from "./observations.ts";
import { RecordFeed } from "./record-feed.ts";
import { Waker } from "./waker.ts";

/** A watcher hears at least this often how far it is. */
export const BOOKMARK_INTERVAL_MS = 10_000;
const RETRY_MS = 250;

export interface WatchContext {
  readonly signal: AbortSignal;
  /** Who watches: sees what belongs to its projects, and to the realm. Absent: everything. */
  readonly principal?: Principal;
  /** In place of what follows from the principal. */
  readonly visible?: Visible;
}

export interface WatchServerOptions {
  store: StoreHandle;
  observations: ObservationSource;
  limits?: WatchLimits;
  bookmarkIntervalMs?: number;
}

type WatchHandler = (request: WatchRequest, ctx: WatchContext, sink: Sink<WatchResponse>) => Promise<void>;

/** The Watch method of a service. Returns when the call's signal aborts. */
export function serveWatch(options: WatchServerOptions): WatchHandler {
  const { watchersMax, watchersPerUserMax } = options.limits ?? WATCH_LIMITS;
  const ofUsers = new Limiter(watchersPerUserMax, "WATCHERS_PER_USER_MAX");
  let watchers = 0;
  return async (request, ctx, sink) => {
    const watch = new Watch(options, request, ctx, sink);
    if (watchers >= watchersMax) throw resourceExhausted("WATCHERS_MAX", `at most ${watchersMax} watchers at a time`);
    const release = ctx.principal?.kind === "user" ? ofUsers.acquire(ctx.principal.subject) : undefined;
    watchers++;
    try {
      await watch.run();
    } finally {
      watchers--;
      release?.();
    }
  };
}

/** One watcher's stream. */
class Watch {
  readonly #store: StoreHandle;
  readonly #sink: Sink<WatchResponse>;
  readonly #signal: AbortSignal;
  readonly #waker = new Waker();
  readonly #records: RecordFeed;
  readonly #source: ObservationSource | undefined;
  readonly #filter: WatchFilter;
  readonly #bookmarkIntervalMs: number;
  #observations: ObservationFeed | undefined;
  #observationsSent = false;
  #origin: OriginStatus | undefined;
  #sentAtMs = 0;

  constructor(options: WatchServerOptions, request: WatchRequest, ctx: WatchContext, sink: Sink<WatchResponse>) {
    const { store } = options;
    this.#store = store;
    this.#sink = sink;
    this.#signal = ctx.signal;
    this.#bookmarkIntervalMs = options.bookmarkIntervalMs ?? BOOKMARK_INTERVAL_MS;
    const trusted = ctx.principal?.kind === "process";
    // The realm's own processes need whole records; who shows them to users (mirrors) leaves the secrets out there.
    const redacted = ctx.principal === undefined || trusted ? undefined : withSecrets(store);
    this.#filter = new WatchFilter(request, ctx.visible ?? visibleTo(ctx.principal), redacted);
    this.#records = new RecordFeed({ store, filter: this.#filter, request, trusted });
    if (request.observations) this.#source = options.observations;
  }

  async run(): Promise<void> {
    const { wake } = this.#waker;
    const stops = [this.#store.tail.onWake(wake), this.#store.onState(wake), this.#store.onConnection(wake)];
    this.#signal.addEventListener("abort", wake, { once: true });
    try {
      if (this.#source !== undefined) this.#observations = new ObservationFeed(this.#source, this.#filter, wake);
      await this.#send([], this.#records.bookmark, [this.#takeOrigin(), this.#observations?.allOrigins() ?? []].flat());
      await this.#loop();
    } finally {
      this.#signal.removeEventListener("abort", wake);
      for (const stop of stops) stop();
      this.#observations?.close();
    }
  }

  async #loop(): Promise<void> {
    const steps = this.#records.steps();
    try {
      while (!this.#signal.aborted) {
        await this.#sendObservations();
        const { value: step } = await steps.next();
        if (step !== "idle" && step !== "retry") {
          await this.#send(step.events, step.trailer, this.#takeOrigins());
          continue;
        }
        await this.#sendWhenDue();
        if (this.#observations?.drained === false) continue;
        const leftMs = this.#sentAtMs + this.#bookmarkIntervalMs - performance.now();
        await this.#waker.wait(Math.max(1, step === "retry" ? Math.min(RETRY_MS, leftMs) : leftMs));
      }
    } finally {
      await steps.return(undefined as never);
    }
  }

  /** The snapshot whole, before any record; later one batch in turn with the records, so that neither keeps the other waiting. */
  async #sendObservations(): Promise<void> {
    const feed = this.#observations;
    if (feed === undefined) return;
    do {
      if (feed.drained) break;
      await this.#send(feed.take(), this.#records.bookmark, this.#takeOrigins());
    } while (!this.#observationsSent && !this.#signal.aborted);
    this.#observationsSent = true;
  }

  async #sendWhenDue(): Promise<void> {
    const origins = this.#takeOrigins();
    const due = performance.now() - this.#sentAtMs >= this.#bookmarkIntervalMs;
    if (origins.length > 0 || due) await this.#send([], this.#records.bookmark, origins);
  }

  async #send(events: Buffer[], trailer: BatchTrailer, origins: OriginState[]): Promise<void> {
    this.#sentAtMs = performance.now();
    await this.#sink.writeRaw(encodeBatch(events, { ...trailer, origins }));
  }

  #takeOrigins(): OriginState[] {
    return [...this.#takeOrigin(), ...(this.#observations?.takeOrigins() ?? [])];
  }

  /** The state of the records themselves, when it has changed. */
  #takeOrigin(): OriginState[] {
    const { state, connected, origin } = this.#store;
    let status: OriginStatus = OriginStatus.ORIGIN_STATUS_LIVE;
    let message = "";
    if (!connected) {
      status = OriginStatus.ORIGIN_STATUS_STALE;
      message = "the realm's Redis is not reachable";
    } else if (state !== "live") {
      status = OriginStatus.ORIGIN_STATUS_RESYNCING;
      message = "the records are being rebuilt";
    }
    if (this.#origin === status) return [];
    this.#origin = status;
    return [{ origin, status, message, asOf: this.#store.now(), originEpoch: "" }];
  }
}

function withSecrets(store: StoreHandle): ReadonlyMap<string, AnyKind> {
  return new Map([...store.kinds].filter(([, kind]) => kind.redact !== undefined));
}

function visibleTo(principal: Principal | undefined): Visible | undefined {
  const projects = principal === undefined ? "all" : visibleProjects(principal);
  if (projects === "all") return undefined;
  return (project) => project === "" || projects.has(project);
}
