import type { Channel } from "./channel.ts";
import type { Snapshot } from "./snapshot.ts";

/** Unsent bytes above which an observer is lagging: nothing more is queued for it, only where it stands is remembered. */
export const LAGGING_BYTES = 256 * 1024;

/** Where an observer's frames go. */
export interface Sink {
  /** False once nothing can be sent any more. */
  readonly open: boolean;
  /** Bytes handed over and not yet taken by the kernel. */
  readonly unsentBytes: number;
  /** Who observes. */
  readonly subject: string;
  /** One or more whole frames. */
  write(frames: Buffer): void;
  /** The mirror has ended for this observer. */
  ended(channel: Channel, reason: "deleted"): void;
}

/**
 * One subscription: a socket on a mirror. `live`: gets each delta as it happens. Otherwise it stands at `s` and is led to the present in
 * pieces, as fast as its socket takes them: a `snapshot` under way, or the rest `behind` it.
 */
export interface Observer {
  readonly channel: Channel;
  readonly sink: Sink;
  mode: "live" | "behind" | "snapshot";
  s: number;
  snapshot: Snapshot | undefined;
  part: number;
  /** Whether `resumed` must be sent before the next delta. */
  announce: boolean;
  /** Place in the channel's list of live observers. */
  index: number;
}

export function createObserver(channel: Channel, sink: Sink): Observer {
  return { channel, sink, mode: "behind", s: 0, snapshot: undefined, part: 0, announce: false, index: -1 };
}
