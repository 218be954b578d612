import type { Fanout } from "./fanout.ts";
import { frameText } from "./frame-bytes.ts";
import { digestText, originText, resumedText, type OriginView } from "./frames.ts";
import type { Change, Item } from "./item.ts";
import type { Mirror } from "./mirror.ts";
import { createObserver, LAGGING_BYTES, type Observer, type Sink } from "./observer.ts";
import { Snapshot } from "./snapshot.ts";

/** Frames gathered in one turn of the event loop above which they leave at once. */
const TURN_BYTES_MAX = 128 * 1024;
/** Parts of snapshots and replays that one observer gets in one go, so that a large mirror does not keep the others waiting. */
const PIECES_PER_TURN = 4;
/** A piece of a replay. */
const REPLAY_PART_BYTES = 128 * 1024;
/** Up to this many changed keys a replay is better than a snapshot, however small the mirror. */
const REPLAY_KEYS_MIN = 256;
/** How long a framed snapshot is kept for others who join. */
const SNAPSHOT_KEPT_MS = 30_000;

/** A mirror and those who observe it. */
export class Channel {
  readonly mirror: Mirror;
  readonly #fanout: Fanout;
  #showsOrigin: (name: string) => boolean;
  readonly #origins: () => Iterable<OriginView>;
  readonly #live: Observer[] = [];
  readonly #catchingUp = new Set<Observer>();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #pendingS = 0;
  /** Where every live observer stands. */
  #flushedS: number;
  #snapshot: Snapshot | undefined;
  #snapshotAtMs = 0;
  #synced: { s: number; frames: Buffer } | undefined;
  /** Since when nobody observes. */
  emptySinceMs: number | undefined = performance.now();

  constructor(
    mirror: Mirror,
    fanout: Fanout,
    origins: () => Iterable<OriginView>,
    showsOrigin: (name: string) => boolean = () => true,
  ) {
    this.mirror = mirror;
    this.#fanout = fanout;
    this.#origins = origins;
    this.#showsOrigin = showsOrigin;
    this.#flushedS = mirror.s;
  }

  get observers(): number {
    return this.#live.length + this.#catchingUp.size;
  }

  get catchingUp(): number {
    return this.#catchingUp.size;
  }

  *sinks(): Iterable<Sink> {
    for (const observer of this.#live) yield observer.sink;
    for (const observer of this.#catchingUp) yield observer.sink;
  }

  apply(origin: string, changes: readonly Change[], nowMs: number): void {
    const text = this.mirror.apply(origin, changes, nowMs);
    if (text !== undefined) this.#enqueue(text);
  }

  reselect(matches: (item: Item) => boolean, items: Iterable<Item>, nowMs: number): void {
    const texts = this.mirror.reselect(matches, items, nowMs);
    const before = this.mirror.s - texts.length;
    for (const [i, text] of texts.entries()) this.#enqueue(text, before + i + 1);
  }

  setShowsOrigin(showsOrigin: (name: string) => boolean): void {
    this.#showsOrigin = showsOrigin;
    this.#synced = undefined;
  }

  showOrigin(origin: OriginView): void {
    this.#synced = undefined;
    if (!this.#showsOrigin(origin.name)) return;
    this.#enqueue(originText(this.mirror.name, this.mirror.epoch, this.mirror.s, origin));
  }

  /** Tells live observers the digest, so that each can check what it holds. */
  bookmark(): void {
    this.#enqueue(digestText("bookmark", this.mirror.name, this.mirror.epoch, this.mirror.s, this.mirror.digest));
  }

  /** Adds an observer; `from` is where it says it stands. What it gets first is written at once. */
  join(sink: Sink, from?: { epoch: string; s: number }): Observer {
    this.flush();
    const observer = createObserver(this, sink);
    this.#catchingUp.add(observer);
    this.emptySinceMs = undefined;
    if (from && this.mirror.canResume(from.epoch, from.s)) {
      observer.s = from.s;
      observer.announce = true;
    } else this.#beginSnapshot(observer);
    this.pump(observer);
    return observer;
  }

  leave(observer: Observer): void {
    if (observer.mode === "live") this.#removeLive(observer);
    this.#catchingUp.delete(observer);
    this.#fanout.forget(observer);
    observer.snapshot = undefined;
    if (this.observers === 0) this.emptySinceMs = performance.now();
  }

  /** The observer's socket has room again. */
  drained(observer: Observer): void {
    if (observer.mode !== "live") this.#fanout.pumpLater(this, observer);
  }

  /** Leads an observer on towards the present, as far as its socket takes it now. */
  pump(observer: Observer): void {
    let pieces = PIECES_PER_TURN;
    while (observer.mode !== "live" && observer.sink.open && observer.sink.unsentBytes <= LAGGING_BYTES) {
      if (pieces-- === 0) return this.#fanout.pumpLater(this, observer);
      if (observer.mode === "snapshot") this.#sendPart(observer);
      else if (observer.s === this.mirror.s) this.#goLive(observer);
      else if (!this.#replayIsBetter(observer)) this.#beginSnapshot(observer);
      else this.#sendReplay(observer);
    }
  }

  /** Sends what this turn gathered: one buffer, the same for everyone. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const buffer = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    const live = this.#live;
    for (let i = live.length - 1; i >= 0; i--) {
      const observer = live[i]!;
      if (observer.sink.unsentBytes > LAGGING_BYTES) this.#demote(observer);
      else observer.sink.write(buffer);
    }
    this.#flushedS = this.#pendingS;
  }

  end(reason: "deleted"): void {
    this.flush();
    const observers = [...this.#live, ...this.#catchingUp];
    for (const observer of observers) this.leave(observer);
    for (const { sink } of observers) sink.ended(this, reason);
    this.mirror.destroy();
  }

  dropOldSnapshot(nowMs: number): void {
    if (this.#snapshot && nowMs - this.#snapshotAtMs > SNAPSHOT_KEPT_MS) this.#keepSnapshot(undefined);
  }

  /** `s`: where whoever received the frame stands. */
  #enqueue(text: string, s = this.mirror.s): void {
    if (this.#live.length === 0) {
      // What waited for those who left is for nobody.
      this.#pending = [];
      this.#pendingBytes = 0;
      this.#flushedS = s;
      return;
    }
    this.#pendingS = s;
    const frame = frameText(text);
    this.#pending.push(frame);
    this.#pendingBytes += frame.length;
    if (this.#pendingBytes > TURN_BYTES_MAX) this.flush();
    else this.#fanout.schedule(this);
  }

  #sendPart(observer: Observer): void {
    const snapshot = observer.snapshot!;
    observer.sink.write(snapshot.part(observer.part++));
    if (observer.part < snapshot.parts) return;
    observer.mode = "behind";
    observer.s = snapshot.s;
    observer.snapshot = undefined;
  }

  #sendReplay(observer: Observer): void {
    const { texts, s } = this.mirror.replay(observer.s, REPLAY_PART_BYTES);
    this.#announce(observer);
    observer.sink.write(Buffer.concat(texts.map(frameText)));
    observer.s = s;
  }

  #goLive(observer: Observer): void {
    this.flush();
    this.#announce(observer);
    observer.sink.write(this.#syncedFrames());
    this.#catchingUp.delete(observer);
    observer.mode = "live";
    observer.index = this.#live.push(observer) - 1;
  }

  /** States of the origins and `synced`: the same for all who get there at the same number. */
  #syncedFrames(): Buffer {
    const { name, epoch, s, digest } = this.mirror;
    if (this.#synced?.s === s) return this.#synced.frames;
    const texts: string[] = [];
    for (const origin of this.#origins()) {
      if (this.#showsOrigin(origin.name)) texts.push(originText(name, epoch, s, origin));
    }
    texts.push(digestText("synced", name, epoch, s, digest));
    const frames = Buffer.concat(texts.map(frameText));
    this.#synced = { s, frames };
    return frames;
  }

  #announce(observer: Observer): void {
    if (!observer.announce) return;
    observer.announce = false;
    observer.sink.write(frameText(resumedText(this.mirror.name, this.mirror.epoch, observer.s)));
  }

  /** Too much is unsent: from now on only where it stands is kept. */
  #demote(observer: Observer): void {
    this.#removeLive(observer);
    observer.mode = "behind";
    observer.s = this.#flushedS;
    observer.announce = true;
    this.#catchingUp.add(observer);
  }

  #removeLive(observer: Observer): void {
    const last = this.#live.pop()!;
    if (last !== observer) {
      this.#live[observer.index] = last;
      last.index = observer.index;
    }
    observer.index = -1;
  }

  #replayIsBetter(observer: Observer): boolean {
    if (!this.mirror.canResume(this.mirror.epoch, observer.s)) return false;
    const worth = Math.max(REPLAY_KEYS_MIN, this.mirror.size >> 1);
    return this.mirror.changedSince(observer.s, worth + 1) <= worth;
  }

  /** The snapshot at hand serves as long as the way from it to the present is short. */
  #beginSnapshot(observer: Observer): void {
    const kept = this.#snapshot;
    const near = Math.max(REPLAY_KEYS_MIN, this.mirror.size >> 3);
    const usable =
      kept && this.mirror.canResume(this.mirror.epoch, kept.s) && this.mirror.changedSince(kept.s, near + 1) <= near;
    if (!usable) this.#keepSnapshot(new Snapshot(this.mirror));
    observer.snapshot = this.#snapshot!;
    observer.mode = "snapshot";
    observer.part = 0;
    observer.announce = false;
  }
  /** One snapshot's frames are kept at a time: those who are still at an older one may be many, and slow. */
  #keepSnapshot(snapshot: Snapshot | undefined): void {
    this.#snapshot?.forgetFrames();
    this.#snapshot = snapshot;
    this.#snapshotAtMs = performance.now();
  }
}
