import type { Logger } from "pino";
import {
  EventType,
  OriginStatus,
  type Event,
  type OriginState,
  type WatchResponse,
} from "../../proto/gen/gantry/common/v1/watch.ts";
import type { OriginView } from "./frames.ts";
import { Change, type Item } from "./item.ts";
import { OriginItems } from "./origin-items.ts";
import { isRecord, projectEvent, type ToJson } from "./projection.ts";
import type { ItemSource, World } from "./world.ts";

export interface OriginTrackerOptions {
  world: World;
  /** Service whose Watch is followed: also the origin of its records. */
  service: string;
  toJson: ToJson;
  log: Logger;
  /**
   * Which origins it tells the state of: a second stream of a service leaves that to the first, one to a host tells of the host's own
   * origins. Default: all.
   */
  reports?: (origin: string) => boolean;
  /** Observation origins that are expected, so that they are shown while nothing is heard of them. */
  expects?: readonly string[];
  /** Called when a list has become whole, and its items are told. */
  onWhole?(): void;
}

/** Observations of one batch that become one change: at most this many. */
const OBSERVATIONS_PER_CHANGE = 64;

/**
 * Follows one Watch stream and keeps what it says in the world: whole writes as one change each, lists as differences, and the
 * honest state of each origin.
 */
export class OriginTracker implements ItemSource {
  readonly service: string;
  readonly #world: World;
  readonly #toJson: ToJson;
  readonly #log: Logger;
  readonly #reports: (origin: string) => boolean;
  readonly #expects: ReadonlySet<string>;
  readonly #onWhole: (() => void) | undefined;
  readonly #origins = new Map<string, OriginItems>();
  /** What the source last said of its origins. */
  readonly #said = new Map<string, OriginState>();
  #destroyed = false;
  #connected = false;
  #synced = false;
  #everSynced = false;
  #lastHeard: Date | undefined;
  /** Records: log and revision applied so far. */
  #logId = "";
  #revision = 0n;

  constructor(options: OriginTrackerOptions) {
    this.service = options.service;
    this.#world = options.world;
    this.#toJson = options.toJson;
    this.#log = options.log;
    this.#reports = options.reports ?? (() => true);
    this.#expects = new Set([this.service, ...(options.expects ?? [])]);
    this.#onWhole = options.onWhole;
    this.#world.addSource(this);
    for (const name of this.#expects) {
      this.#of(name);
      this.#show(name, "stale", "not connected yet");
    }
  }

  /** True once a first list was whole, whatever came after. */
  get everSynced(): boolean {
    return this.#everSynced;
  }

  get logId(): string {
    return this.#logId;
  }

  get revision(): bigint {
    return this.#revision;
  }

  /** Whether its stream tells of the origin. */
  covers(origin: string): boolean {
    return this.#origins.has(origin);
  }

  *items(): Iterable<Item> {
    for (const origin of this.#origins.values()) yield* origin.values();
  }

  find(key: string): Item | undefined {
    for (const origin of this.#origins.values()) {
      const item = origin.get(key);
      if (item) return item;
    }
    return undefined;
  }

  /** A new stream began. Observations are listed anew on each; records only after a `reset`. */
  connected(): void {
    this.#connected = true;
    this.#synced = false;
    this.#said.clear();
    for (const [name, origin] of this.#origins) {
      if (name !== this.service) origin.beginList();
      this.#show(name, "resyncing", "");
    }
  }

  disconnected(message: string): void {
    if (!this.#connected && this.#everSynced) return;
    this.#connected = false;
    for (const name of this.#origins.keys()) this.#show(name, "stale", message);
  }

  batch(response: WatchResponse): void {
    // The last of a stream that was given up a moment ago.
    if (this.#destroyed) return;
    this.#lastHeard = new Date();
    if (response.logId !== "") this.#logId = response.logId;
    if (response.reset) {
      this.#synced = false;
      this.#of(this.service).beginList();
      this.#show(this.service, "resyncing", "");
    }
    this.#takeEvents(response.events);
    for (const state of response.origins) this.#takeOrigin(state);
    if (response.revision !== 0n) this.#revision = response.revision;
    if (response.synced) this.#wholeNow();
  }

  /** Its items are told as gone, but for those that another stream holds too: these are now what that one says. */
  destroy(): void {
    this.#destroyed = true;
    this.#world.removeSource(this);
    for (const [name, origin] of this.#origins) {
      origin.beginList();
      let elsewhere = false;
      for (const changes of origin.endList()) {
        const now = changes.map(({ key, before }) => new Change(key, before, this.#world.find(key)));
        elsewhere ||= now.some(({ after }) => after);
        this.#world.commit(
          name,
          now.filter(({ before, after }) => before?.version !== after?.version),
        );
      }
      if (!elsewhere) this.#show(name, "stale", "not observed any more");
    }
  }

  #takeEvents(events: readonly Event[]): void {
    let group: Change[] = [];
    let groupOf: Event | undefined;
    const close = (): void => {
      if (groupOf) this.#world.commit(groupOf.origin, group);
      group = [];
      groupOf = undefined;
    };
    for (const event of events) {
      const origin = this.#of(event.origin);
      const item = this.#project(event);
      if (origin.staging) {
        origin.stage(event.name, item);
        continue;
      }
      if (groupOf && !belongsTogether(groupOf, event, group)) close();
      groupOf = event;
      const change = origin.set(event.name, item);
      if (change) group.push(change);
    }
    close();
  }

  /** undefined: gone, or in a form that cannot be shown: what was shown before is not true any more. */
  #project(event: Event): Item | undefined {
    if (event.type !== EventType.EVENT_TYPE_PUT || !event.object) return undefined;
    try {
      return projectEvent(event, this.#logId, this.#toJson);
    } catch (err) {
      this.#log.error({ err, name: event.name, type: event.object.typeUrl }, "an event cannot be shown");
      return undefined;
    }
  }

  #takeOrigin(state: OriginState): void {
    if (state.status === OriginStatus.ORIGIN_STATUS_GONE) return this.#drop(state.origin);
    this.#said.set(state.origin, state);
    const origin = this.#of(state.origin);
    if (this.#synced && origin.staging && state.status === OriginStatus.ORIGIN_STATUS_LIVE)
      this.#endList(state.origin, origin);
    if (this.#synced || state.origin !== this.service) this.#showSaid(state.origin);
  }

  #wholeNow(): void {
    this.#synced = true;
    this.#everSynced = true;
    for (const [name, origin] of this.#origins) {
      // The first batch of a stream names all there are: one that is not among them went while nobody listened.
      if (!this.#said.has(name) && !this.#expects.has(name) && origin.stagedSize === 0) {
        this.#drop(name);
        continue;
      }
      if (origin.staging && this.#listIsWhole(name, origin)) this.#endList(name, origin);
      this.#showSaid(name);
    }
    this.#onWhole?.();
  }

  /**
   * An observer that has not reached its origin yet lists nothing, one that is listing it may have the half: what was seen before stays, and the list
   * is whole when it is live.
   */
  #listIsWhole(name: string, origin: OriginItems): boolean {
    const status = this.#said.get(name)?.status;
    if (name === this.service || status === undefined || status === OriginStatus.ORIGIN_STATUS_LIVE) return true;
    return status === OriginStatus.ORIGIN_STATUS_STALE && origin.stagedSize > 0;
  }

  #endList(name: string, origin: OriginItems): void {
    for (const changes of origin.endList()) this.#world.commit(name, changes);
  }

  #drop(name: string): void {
    const origin = this.#origins.get(name);
    if (!origin) return;
    origin.beginList();
    this.#endList(name, origin);
    this.#origins.delete(name);
    this.#said.delete(name);
    if (this.#reports(name)) this.#world.removeOrigin(name);
  }

  #showSaid(name: string): void {
    const said = this.#said.get(name);
    if (!said) return this.#show(name, this.#synced ? "live" : "resyncing", "");
    // A live one may say what it does not show.
    if (said.status === OriginStatus.ORIGIN_STATUS_LIVE)
      return this.#show(name, this.#synced ? "live" : "resyncing", said.message);
    const state = said.status === OriginStatus.ORIGIN_STATUS_RESYNCING ? "resyncing" : "stale";
    this.#show(name, state, said.message, said.asOf);
  }

  #show(name: string, state: OriginView["state"], message: string, asOf?: Date): void {
    if (!this.#reports(name)) return;
    this.#world.setOrigin({ name, state, asOf: asOf ?? (this.#everSynced ? this.#lastHeard : undefined), message });
  }

  #of(name: string): OriginItems {
    let origin = this.#origins.get(name);
    if (!origin) {
      origin = new OriginItems();
      if (!this.#synced) origin.beginList();
      this.#origins.set(name, origin);
    }
    return origin;
  }
}

/** Records: one write, one change. Observations have no writes: neighbours of a batch go together, a key once. */
function belongsTogether(first: Event, event: Event, group: readonly Change[]): boolean {
  if (first.origin !== event.origin) return false;
  if (isRecord(first) || isRecord(event)) return first.revision === event.revision;
  return group.length < OBSERVATIONS_PER_CHANGE && !group.some((change) => change.key === event.name);
}
