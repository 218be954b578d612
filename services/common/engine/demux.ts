import { internal } from "../errors/errors.ts";

const HEADER_BYTES = 8;

export interface FramePart {
  stream: "stdout" | "stderr";
  data: Buffer;
  /** With this part the frame is whole. A frame is one write of the engine: one message of a log. */
  last: boolean;
}

/**
 * Takes the engine's multiplexed output apart: 8 bytes of header (stream, 3 zeros, length), then that many bytes. Parts of frames are
 * given on as they come: nothing but a header is ever kept. INTERNAL when the data is not multiplexed.
 */
export class Demuxer {
  #header: Buffer = Buffer.alloc(0);
  #stream: FramePart["stream"] = "stdout";
  #left = 0;

  push(chunk: Buffer): FramePart[] {
    const parts: FramePart[] = [];
    let data = chunk;
    while (data.length > 0) {
      if (this.#left === 0) {
        const taken = HEADER_BYTES - this.#header.length;
        this.#header = Buffer.concat([this.#header, data.subarray(0, taken)]);
        data = data.subarray(taken);
        if (this.#header.length < HEADER_BYTES) break;
        this.#stream = streamName(this.#header);
        this.#left = this.#header.readUInt32BE(4);
        this.#header = Buffer.alloc(0);
        continue;
      }
      const part = data.subarray(0, this.#left);
      data = data.subarray(part.length);
      this.#left -= part.length;
      parts.push({ stream: this.#stream, data: part, last: this.#left === 0 });
    }
    return parts;
  }
}

function streamName(header: Buffer): FramePart["stream"] {
  const id = header[0];
  if (id === 2) return "stderr";
  if (id === 0 || id === 1) return "stdout";
  throw internal("ENGINE_STREAM", `engine: output is not multiplexed (stream ${id})`);
}
