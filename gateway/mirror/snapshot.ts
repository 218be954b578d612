import { frameText } from "./frame-bytes.ts";
import { snapshotText } from "./frames.ts";
import { itemText, type Item } from "./item.ts";
import type { Mirror } from "./mirror.ts";

/** A part is closed once it holds this much. Items are small, so parts end between this and 256 KB. */
const PART_BYTES = 128 * 1024;
/** Of an item beside its key and data. */
const ITEM_BYTES = 64;

/**
 * The whole state of a mirror at one sequence number, framed once for all who join. Items never change, so the list of them is the state;
 * parts are framed when the first observer gets there, which keeps each turn of the event loop short.
 */
export class Snapshot {
  readonly s: number;
  readonly #mirror: Mirror;
  readonly #lists: Item[][] = [[]];
  /** Undefined once they are not worth keeping. */
  #frames: Buffer[] | undefined = [];

  constructor(mirror: Mirror) {
    this.s = mirror.s;
    this.#mirror = mirror;
    let bytes = 0;
    for (const item of mirror.items()) {
      const size = item.text.length + item.key.length + ITEM_BYTES;
      if (bytes + size > PART_BYTES && bytes > 0) {
        this.#lists.push([]);
        bytes = 0;
      }
      this.#lists.at(-1)!.push(item);
      bytes += size;
    }
  }

  get parts(): number {
    return this.#lists.length;
  }

  /** Memory of the frames that are kept. */
  get framedBytes(): number {
    return (this.#frames ?? []).reduce((sum, frame) => sum + frame.length, 0);
  }

  part(index: number): Buffer {
    return this.#frames ? (this.#frames[index] ??= this.#frame(index)) : this.#frame(index);
  }

  /** From now on parts are framed each time they are asked for. */
  forgetFrames(): void {
    this.#frames = undefined;
  }

  #frame(index: number): Buffer {
    const { name, epoch } = this.#mirror;
    return frameText(snapshotText(name, epoch, this.s, index, this.parts, this.#lists[index]!.map(itemText)));
  }
}
