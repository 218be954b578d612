import type { Readable, Writable } from "node:stream";
import type { ServerDuplexStream, StatusObject } from "@grpc/grpc-js";
import type { RawStream } from "./raw.ts";

/** Written but not yet taken by the connection, per direction of a call. */
const IN_FLIGHT_BYTES_MAX = 256 * 1024;
const IN_FLIGHT_BYTES_RESUME = 64 * 1024;
/** What a small message costs beside its bytes. */
const MESSAGE_OVERHEAD_BYTES = 128;

export type DownStream = ServerDuplexStream<Buffer, Buffer>;

/**
 * Passes messages, headers and status between a call that came in and the one it is passed on as. A slow reader at one end makes the
 * reading at the other end pause. `ended` is told the upstream's status and sends it down (`finish`).
 */
export function pump(down: DownStream, up: RawStream, ended: (status: StatusObject) => void): void {
  let status: StatusObject | undefined;
  up.on("metadata", (metadata) => down.sendMetadata(metadata));
  up.on("status", (final) => {
    status = final;
  });
  copy(up, down);
  copy(down, up);
  down.on("end", () => up.end());
  // `status` comes when the last message was received, `end` when it was passed on.
  up.on("end", () => ended(status as StatusObject));
}

/** Ends the call with a status of the upstream's making. */
export function finish(down: DownStream, status: Pick<StatusObject, "code" | "details" | "metadata">): void {
  if (status.code === 0) down.end(status.metadata);
  else down.emit("error", Object.assign(new Error(status.details), status));
}

/** The number of messages that a stream holds says nothing about memory, so bytes are counted. */
function copy(from: Readable, to: Writable): void {
  let inFlightBytes = 0;
  from.on("data", (message: Buffer) => {
    // Over already: the rest has no one to go to.
    if (to.writableEnded || to.destroyed) return;
    const bytes = message.length + MESSAGE_OVERHEAD_BYTES;
    inFlightBytes += bytes;
    to.write(message, () => {
      inFlightBytes -= bytes;
      if (inFlightBytes <= IN_FLIGHT_BYTES_RESUME && from.isPaused()) from.resume();
    });
    if (inFlightBytes >= IN_FLIGHT_BYTES_MAX) from.pause();
  });
}
