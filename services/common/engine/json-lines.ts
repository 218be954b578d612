import type { Readable } from "node:stream";
import { internal } from "../errors/errors.ts";

/** Longest line of a stream of JSON values (an event with all labels of its container). */
export const JSON_LINE_BYTES_MAX = 1024 * 1024;

/** Values of a stream with one JSON value per line (events, pull progress), as they come. */
export async function* jsonLines<T>(stream: Readable): AsyncGenerator<T> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    let data = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    for (;;) {
      const end = data.indexOf(0x0a);
      if (end === -1) break;
      const line = data.subarray(0, end).toString("utf8").trim();
      data = data.subarray(end + 1);
      if (line !== "") yield JSON.parse(line) as T;
    }
    if (data.length > JSON_LINE_BYTES_MAX) {
      throw internal("ENGINE_LINE_TOO_LONG", `engine: a line is longer than ${JSON_LINE_BYTES_MAX} bytes`);
    }
    rest = data;
  }
  const last = rest.toString("utf8").trim();
  if (last !== "") yield JSON.parse(last) as T;
}
