import type { Logger } from "pino";
import { authorize, type Principal } from "../../services/common/auth/principal.ts";
import { notFound, resourceExhausted, unavailable } from "../../services/common/errors/errors.ts";
import { Channel } from "./channel.ts";
import { builtIn, fromRecord, userMirrorAccess, type MirrorDefinition } from "./definition.ts";
import { Fanout } from "./fanout.ts";
import type { OriginView } from "./frames.ts";
import type { Change, Item } from "./item.ts";
import { MIRROR_LIMITS, type MirrorLimits } from "./limits.ts";
import { Mirror, type SavedMirror } from "./mirror.ts";
import { Routes } from "./routes.ts";
import { WindowBudget } from "./window.ts";
import type { World } from "./world.ts";

export const BOOKMARK_INTERVAL_MS = 10_000;
const SWEEP_INTERVAL_MS = 5_000;

export interface CatalogOptions {
  world: World;
  log: Logger;
  /** True once the service's records were listed whole: only then is it known what does not exist. */
  everSynced(service: string): boolean;
  /** Called with all usage kinds that some mirror asks for, when they change. */
  usageWanted?(kinds: readonly string[]): void;
  bookmarkIntervalMs?: number;
  limits?: Partial<MirrorLimits>;
}

interface Entry {
  channel: Channel;
  definition: MirrorDefinition;
}

/** The mirrors there are: made at their first subscription, kept up to date, dropped some time after the last. */
export class Catalog {
  readonly fanout = new Fanout();
  readonly budget: WindowBudget;
  readonly #options: CatalogOptions;
  readonly #limits: MirrorLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #routes = new Routes<Entry>();
  readonly #saved = new Map<string, SavedMirror>();
  #adoptedMs = 0;
  readonly #timers: NodeJS.Timeout[];
  readonly #unlisten: () => void;
  readonly #doneWaiters = new Map<string, Set<(done: boolean) => void>>();
  #usageKinds = "";

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#limits = { ...MIRROR_LIMITS, ...options.limits };
    this.budget = new WindowBudget(this.#limits);
    this.#unlisten = options.world.listen({
      changed: (origin, changes) => this.#changed(origin, changes),
      originChanged: (origin) => this.#originChanged(origin),
    });
    this.#timers = [
      setInterval(() => this.#bookmarks(), options.bookmarkIntervalMs ?? BOOKMARK_INTERVAL_MS),
      setInterval(() => this.sweep(performance.now()), SWEEP_INTERVAL_MS),
    ];
  }

  get size(): number {
    return this.#entries.size;
  }

  channels(): Iterable<Channel> {
    return [...this.#entries.values()].map((entry) => entry.channel);
  }

  /** PERMISSION_DENIED, whether the mirror exists or not, to whom may not see it; then NOT_FOUND. */
  admit(name: string, principal: Principal): MirrorDefinition {
    const access = builtIn(name)?.access ?? userMirrorAccess(name);
    if (!access) throw notFound(`mirror ${name}`);
    authorize(principal, access);
    return this.#entries.get(name)?.definition ?? this.#define(name);
  }

  /** The mirror with its observers; made when it is not there. */
  open(definition: MirrorDefinition): Channel {
    const found = this.#entries.get(definition.name);
    if (found) return found.channel;
    if (this.#entries.size >= this.#limits.mirrorsMax) this.#dropOneEmpty();
    const saved = this.canContinue(definition.name) ? this.#saved.get(definition.name) : undefined;
    this.#saved.delete(definition.name);
    const matches = (item: Item): boolean => definition.matches(item);
    const mirror = new Mirror(definition.name, matches, this.budget, saved?.epoch);
    mirror.fill(this.#options.world.items());
    if (saved) mirror.restore(saved, Date.now());
    const showsOrigin = (name: string): boolean => definition.showsOrigin(name);
    const channel = new Channel(mirror, this.fanout, () => this.#options.world.origins(), showsOrigin);
    const entry = { channel, definition };
    this.#entries.set(definition.name, entry);
    this.#routes.add(entry);
    this.#tellUsage();
    return channel;
  }

  find(name: string): Channel | undefined {
    return this.#entries.get(name)?.channel;
  }

  /** Mirrors of a gateway that stopped in order: each goes on with its epoch when it is opened. */
  adopt(saved: Iterable<SavedMirror>): void {
    for (const mirror of saved) this.#saved.set(mirror.name, mirror);
    this.#adoptedMs = performance.now();
  }

  hasSaved(name: string): boolean {
    return this.#saved.has(name);
  }

  /**
   * Whether a saved mirror can go on where it was: all that it showed must be comparable with what is there now. An origin that is not
   * live yet has nothing to compare with, and its items would be told as deleted.
   */
  canContinue(name: string): boolean {
    const origins = new Set(this.#saved.get(name)?.items.map(([, , origin]) => origin));
    return [...origins].every((origin) => this.#options.world.origin(origin)?.state === "live");
  }

  /** Resolves once the mirrors show that the operation is done; false after `timeoutMs`. */
  async whenDone(operation: string, timeoutMs: number): Promise<boolean> {
    if (isDone(this.#options.world.find(operation))) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiters = this.#doneWaiters.get(operation) ?? new Set();
    this.#doneWaiters.set(operation, waiters.add(resolve));
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const done = await promise;
    clearTimeout(timer);
    waiters.delete(resolve);
    if (waiters.size === 0) this.#doneWaiters.delete(operation);
    return done;
  }

  save(): SavedMirror[] {
    return [...this.#entries.values()].map((entry) => entry.channel.mirror.save());
  }

  /** Forgets mirrors that nobody has observed for long, and what has become too old. */
  sweep(nowMs: number): void {
    const keptMs = this.#limits.emptyMirrorKeptMs;
    for (const [name, { channel }] of this.#entries) {
      channel.dropOldSnapshot(nowMs);
      if (channel.emptySinceMs !== undefined && nowMs - channel.emptySinceMs > keptMs) this.#drop(name);
    }
    if (nowMs - this.#adoptedMs > keptMs) this.#saved.clear();
    this.budget.expire(Date.now());
  }

  destroy(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#unlisten();
    this.fanout.flush();
  }

  #define(name: string): MirrorDefinition {
    const world = this.#options.world;
    const record = world.find(name);
    const definition = builtIn(name);
    if (definition && !name.includes("/")) return definition;
    if (definition && (record || !this.#options.everSynced("compute"))) return definition;
    if (record?.kind === "Mirror") return fromRecord(record);
    if (this.#options.everSynced("compute")) throw notFound(`mirror ${name}`);
    throw unavailable(
      "ORIGIN_NOT_READY",
      `the compute service has not answered yet: whether ${name} exists is not known`,
    );
  }

  #changed(origin: string, changes: readonly Change[]): void {
    const nowMs = Date.now();
    for (const { channel } of this.#routes.concerned(changes)) channel.apply(origin, changes, nowMs);
    for (const change of changes) {
      if (!change.after) this.#end(change.key);
      else if (change.after.kind === "Mirror") this.#redefine(change.after);
      const waiters = this.#doneWaiters.get(change.key);
      if (waiters && isDone(change.after)) for (const resolve of waiters) resolve(true);
    }
  }

  #redefine(record: Item): void {
    const entry = this.#entries.get(record.key);
    if (!entry) return;
    const definition = fromRecord(record);
    entry.definition = definition;
    entry.channel.setShowsOrigin((name) => definition.showsOrigin(name));
    entry.channel.reselect((item) => definition.matches(item), this.#options.world.items(), Date.now());
    this.#tellUsage();
  }

  /** The record that a mirror is called after (a project, a host, a Mirror) is no more: nor is the mirror. */
  #end(name: string): void {
    this.#saved.delete(name);
    const entry = this.#entries.get(name);
    if (!entry) return;
    this.#entries.delete(name);
    this.#routes.delete(entry);
    entry.channel.end("deleted");
    this.#tellUsage();
  }

  #originChanged(origin: OriginView): void {
    for (const { channel } of this.#entries.values()) channel.showOrigin(origin);
    if (origin.name === "compute" && origin.state === "live") this.#endUnknown();
  }

  /** Mirrors that were opened while it was not known whether what they are called after exists. */
  #endUnknown(): void {
    if (!this.#options.everSynced("compute")) return;
    for (const name of [...this.#entries.keys(), ...this.#saved.keys()]) {
      if (name.includes("/") && !this.#options.world.find(name)) this.#end(name);
    }
  }

  #bookmarks(): void {
    for (const { channel } of this.#entries.values()) channel.bookmark();
  }

  #dropOneEmpty(): void {
    for (const [name, { channel }] of this.#entries) {
      if (channel.observers === 0) return this.#drop(name);
    }
    throw resourceExhausted("MIRRORS_MAX", "too many mirrors are being observed");
  }

  #drop(name: string): void {
    const entry = this.#entries.get(name)!;
    entry.channel.mirror.destroy();
    this.#entries.delete(name);
    this.#routes.delete(entry);
    this.#tellUsage();
  }

  #tellUsage(): void {
    const kinds = new Set([...this.#entries.values()].flatMap((entry) => entry.definition.usageKinds));
    const sorted = [...kinds].sort();
    if (sorted.join() === this.#usageKinds) return;
    this.#usageKinds = sorted.join();
    this.#options.usageWanted?.(sorted);
  }
}

function isDone(operation: Item | undefined): boolean {
  if (!operation) return false;
  return (JSON.parse(operation.text) as { operation?: { done?: boolean } }).operation?.done === true;
}
