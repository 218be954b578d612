import { Demuxer } from "./demux.ts";

/** Longest part of a line; longer lines come in several. */
export const LOG_PART_BYTES_MAX = 16 * 1024;

export interface LogPart {
  /** Undefined when the engine gave none. */
  time: Date | undefined;
  stream: "stdout" | "stderr";
  /** Without the line end. */
  line: Buffer;
}

export interface LogParser {
  push(chunk: Buffer): LogPart[];
  /** What is left at the end of the log. */
  end(): LogPart[];
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** `2026-11-24T21:01:52.346346453Z `. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) /;
const TIMESTAMP_CHARS_MAX = 36;

/** Log of a container without terminal: each frame is one message that begins with its time. */
export class FrameLogParser implements LogParser {
  readonly #demuxer = new Demuxer();
  #pieces: Buffer[] = [];
  #size = 0;

  push(chunk: Buffer): LogPart[] {
    const parts: LogPart[] = [];
    for (const { stream, data, last } of this.#demuxer.push(chunk)) {
      this.#pieces.push(data);
      this.#size += data.length;
      // Some log drivers write longer messages than the engine's own 16 KiB.
      if (!last && this.#size < LOG_PART_BYTES_MAX + TIMESTAMP_CHARS_MAX) continue;
      parts.push(...toParts(stream, Buffer.concat(this.#pieces, this.#size)));
      this.#pieces = [];
      this.#size = 0;
    }
    return parts;
  }

  end(): LogPart[] {
    return [];
  }
}

/** Log of a container with a terminal: messages follow each other without frames, each begins with its time. */
export class TerminalLogParser implements LogParser {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): LogPart[] {
    const parts: LogPart[] = [];
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const time = timestampLength(data);
      const end = data.indexOf(NEWLINE);
      // A message of the greatest length has no line end; the next begins right behind it.
      const full = time + LOG_PART_BYTES_MAX;
      const length = end !== -1 && end < full ? end + 1 : full;
      if (data.length < length || (end === -1 && data.length < full + TIMESTAMP_CHARS_MAX)) break;
      parts.push(...toParts("stdout", data.subarray(0, length)));
      data = data.subarray(length);
    }
    this.#rest = data;
    return parts;
  }

  end(): LogPart[] {
    return this.#rest.length === 0 ? [] : toParts("stdout", this.#rest);
  }
}

function timestampLength(message: Buffer): number {
  return TIMESTAMP.exec(message.toString("latin1", 0, TIMESTAMP_CHARS_MAX))?.[0].length ?? 0;
}

function toParts(stream: LogPart["stream"], message: Buffer): LogPart[] {
  const start = timestampLength(message);
  const time = start === 0 ? undefined : new Date(message.toString("latin1", 0, start - 1));
  let end = message.length;
  if (message[end - 1] === NEWLINE) end -= 1;
  if (end < message.length && message[end - 1] === CARRIAGE_RETURN) end -= 1;
  const parts: LogPart[] = [];
  for (let at = start; at < end || at === start; at += LOG_PART_BYTES_MAX) {
    parts.push({ time, stream, line: message.subarray(at, Math.min(at + LOG_PART_BYTES_MAX, end)) });
  }
  return parts;
}
