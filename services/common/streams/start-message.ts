import type { Readable } from "node:stream";
import { Demuxer } from "../engine/demux.ts";

/** Of an engine's message when a command does not start. */
const MESSAGE_BYTES_MAX = 4 * 1024;
/** The engine ends the connection right behind its message. */
const MESSAGE_TIMEOUT_MS = 5_000;
const LINE_END = "\r\n";

export interface Beginning {
  /** What was received first; to be taken before the rest. */
  data: Buffer;
  /** That is all there is, and it is the engine's word on why the command did not start. */
  message: string | undefined;
}

/**
 * Of an exec that the engine says has not started. That alone does not make it so: an engine that loses sight of a command in its first moment
 * says the same, while what the connection carries is the command's output.
 */
export async function readBeginning(received: Readable, tty: boolean): Promise<Beginning> {
  const { data, ended } = await firstBytes(received);
  return { data, message: ended ? engineMessage(data, tty) : undefined };
}

/**
 * The engine's message in place of output: one line with CR and LF, with no terminal in one frame. Undefined when the data is something else;
 * empty for no data.
 */
export function engineMessage(data: Buffer, tty: boolean): string | undefined {
  const frames = tty ? [{ stream: "stdout", data, last: true }] : new Demuxer().push(data);
  const [first, ...more] = frames;
  if (first === undefined || first.data.length === 0) return data.length === 0 ? "" : undefined;
  const text = first.data.toString("utf8");
  const whole = first.last && more.length === 0 && first.stream === "stdout";
  return whole && text.indexOf(LINE_END) === text.length - LINE_END.length ? text.trim() : undefined;
}

/** Until the end, or more than an engine's message may have, or the time is over. */
function firstBytes(received: Readable): Promise<{ data: Buffer; ended: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    const settle = (ended: boolean): void => {
      clearTimeout(timer);
      received.off("readable", take).off("end", end);
      resolve({ data: Buffer.concat(chunks), ended });
    };
    const end = (): void => settle(true);
    const take = (): void => {
      while (bytes <= MESSAGE_BYTES_MAX) {
        const chunk = received.read() as Buffer | null;
        if (chunk === null) return;
        chunks.push(chunk);
        bytes += chunk.length;
      }
      settle(false);
    };
    const timer = setTimeout(() => settle(false), MESSAGE_TIMEOUT_MS);
    received.on("end", end).on("readable", take);
  });
}
