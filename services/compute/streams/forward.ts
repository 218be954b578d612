import type { ClientDuplexStream, ClientReadableStream, ClientWritableStream, ServiceError } from "@grpc/grpc-js";
import { fromServiceError } from "../../common/errors/status.ts";
import type { Sink } from "../../common/rpc/call.ts";
import { abortError } from "../../common/rpc/client.ts";

// Relays a stream to and from the service that can answer it. Neither side is read faster than the other takes it.

/** Responses of `call` to `sink`, to the end. Throws the other side's error. */
export async function forwardResponses<Res>(
  call: ClientReadableStream<Res>,
  sink: Sink<Res>,
  signal: AbortSignal,
): Promise<void> {
  const onAbort = (): void => call.cancel();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    for await (const message of call) await sink.write(message as Res);
  } catch (error) {
    throw signal.aborted ? abortError(signal) : fromServiceError(error);
  } finally {
    signal.removeEventListener("abort", onAbort);
    call.cancel();
  }
}

/** Both ways at once; ends with the responses. */
export async function forwardBidi<Req, Res>(
  call: ClientDuplexStream<Req, Res>,
  messages: AsyncIterable<Req>,
  sink: Sink<Res>,
  signal: AbortSignal,
): Promise<void> {
  // The call's own error tells more than the failing write that it caused.
  const sending = sendAll(call, messages).catch(() => call.cancel());
  await forwardResponses(call, sink, signal);
  void sending;
}

/** `open` makes the call with the callback given. */
export async function forwardRequests<Req, Res>(
  open: (callback: (error: ServiceError | null, response: Res) => void) => ClientWritableStream<Req>,
  messages: AsyncIterable<Req>,
  signal: AbortSignal,
): Promise<Res> {
  const { promise, resolve, reject } = Promise.withResolvers<Res>();
  const call = open((error, response) => (error ? reject(error) : resolve(response)));
  const onAbort = (): void => call.cancel();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) call.cancel();
  try {
    let broken: unknown;
    const sending = sendAll(call, messages).catch((error: unknown) => {
      broken = error;
      call.cancel();
    });
    try {
      return await promise;
    } catch (error) {
      if (signal.aborted) throw abortError(signal);
      throw broken ?? fromServiceError(error);
    } finally {
      void sending;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function sendAll<Req>(call: ClientWritableStream<Req>, messages: AsyncIterable<Req>): Promise<void> {
  for await (const message of messages) {
    if (call.destroyed || call.writableEnded) return;
    if (!call.write(message)) await writable(call);
  }
  call.end();
}

function writable<Req>(call: ClientWritableStream<Req>): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const event of ["drain", "close", "error", "finish"]) call.off(event, settle);
      resolve();
    };
    for (const event of ["drain", "close", "error", "finish"]) call.on(event, settle);
  });
}
