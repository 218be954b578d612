import type { Channel } from "../../../gateway/mirror/channel.ts";
import { contentVersion, createItem, type Item } from "../../../gateway/mirror/item.ts";
import type { Sink } from "../../../gateway/mirror/observer.ts";
import type { MirrorFrame } from "../../../gateway/mirror/replica.ts";

export function makeItem(key: string, data: object, more: Partial<Item> = {}): Item {
  const text = JSON.stringify(data);
  return createItem({
    key,
    version: contentVersion(text),
    origin: "compute",
    kind: "Instance",
    project: "default",
    host: "",
    labels: {},
    text,
    ...more,
  });
}

/** Texts of whole server frames, one behind the other. */
export function parseFrames(bytes: Buffer): MirrorFrame[] {
  const frames: MirrorFrame[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== 0x81) throw new Error(`not a whole text frame: ${bytes[at]}`);
    let length = bytes[at + 1]!;
    at += 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    frames.push(JSON.parse(bytes.toString("utf8", at, at + length)) as MirrorFrame);
    at += length;
  }
  return frames;
}

/** A socket whose other end reads when the test says so. */
export class ManualSink implements Sink {
  open = true;
  subject = "test";
  unsentBytes = 0;
  peakUnsentBytes = 0;
  gone = false;
  #queue: Buffer[] = [];

  write(frames: Buffer): void {
    this.#queue.push(frames);
    this.unsentBytes += frames.length;
    this.peakUnsentBytes = Math.max(this.peakUnsentBytes, this.unsentBytes);
  }

  ended(_channel: Channel): void {
    this.gone = true;
  }

  /** Takes up to `count` writes off the socket. */
  read(count = Infinity): MirrorFrame[] {
    const taken = this.#queue.splice(0, count);
    for (const each of taken) this.unsentBytes -= each.length;
    return taken.flatMap(parseFrames);
  }
}
