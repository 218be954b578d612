/** Limits of all mirrors together. */
export interface MirrorLimits {
  mirrorsMax: number;
  /** A mirror nobody observes is kept this long, so that whoever comes back gets only the difference. */
  emptyMirrorKeptMs: number;
  /** Memory that all mirrors together may use to remember what changed when. */
  windowBytesMax: number;
  /** Tombstones older than this are forgotten: who was away longer gets a snapshot. */
  windowAgeMsMax: number;
}

export const MIRROR_LIMITS: Readonly<MirrorLimits> = {
  mirrorsMax: 2_000,
  emptyMirrorKeptMs: 10 * 60_000,
  windowBytesMax: 64 * 1024 * 1024,
  windowAgeMsMax: 30 * 60_000,
};
