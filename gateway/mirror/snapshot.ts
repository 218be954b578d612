import { frameText } from "./frame-bytes.ts";
import { snapshotText } from "./frames.ts";
import { itemText } from "./item.ts";
import type { Mirror } from "./mirror.ts";

/** A part is closed once it holds this much. Items are small, so parts end between this and 256 KB. */
const PART_BYTES = 128 * 1024;

/** The whole state of a mirror at one sequence number, framed once for all who join. */
export interface Snapshot {
  readonly s: number;
  readonly parts: readonly Buffer[];
}

export function createSnapshot(mirror: Mirror): Snapshot {
  const parts: string[][] = [[]];
  let bytes = 0;
  for (const item of mirror.items()) {
    const text = itemText(item);
    if (bytes + text.length > PART_BYTES && bytes > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(text);
    bytes += text.length;
  }
  const frames = parts.map((items, i) =>
    frameText(snapshotText(mirror.name, mirror.epoch, mirror.s, i, parts.length, items)),
  );
  return { s: mirror.s, parts: frames };
}
