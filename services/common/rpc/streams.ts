import type { ServerDuplexStream, ServerReadableStream, ServerWritableStream } from "@grpc/grpc-js";
import { GantryError } from "../errors/errors.ts";
import { deadlineExceeded, invalidArgument } from "../errors/errors.ts";
import type { Sink } from "./call.ts";

type Readable<Req> = Pick<ServerReadableStream<Req, unknown>, "read" | "readableEnded" | "on" | "off">;
type Writable<Res> = Pick<
  ServerWritableStream<unknown, Res> | ServerDuplexStream<unknown, Res>,
  "write" | "once" | "off" | "writableEnded"
>;

/** Messages of the client, one by one: no more is read from the connection than the consumer takes. */
export class Messages<Req> implements AsyncIterable<Req> {
  readonly #stream: Readable<Req>;
  readonly #signal: AbortSignal;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(stream: Readable<Req>, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    const wake = (): void => this.#wake?.();
    stream.on("readable", wake);
    stream.on("end", () => {
      this.#ended = true;
      wake();
    });
    signal.addEventListener("abort", wake, { once: true });
  }

  /** The next message; undefined after the last. Rejects with the signal's reason. */
  async next(): Promise<Req | undefined> {
    for (;;) {
      this.#signal.throwIfAborted();
      const message = this.#stream.read() as Req | null;
      if (message !== null) return message;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  /** INVALID_ARGUMENT when the client ends without one, DEADLINE_EXCEEDED when it does not come in time. */
  async first(timeoutMs: number): Promise<Req> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(deadlineExceeded("the first message of the stream did not come in time")),
      timeoutMs,
    );
    try {
      const message = await Promise.race([this.next(), late]);
      if (message === undefined) throw invalidArgument([{ field: "", description: "the stream had no message" }]);
      return message;
    } finally {
      clearTimeout(timer);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Req, void, undefined> {
    for (;;) {
      const message = await this.next();
      if (message === undefined) return;
      yield message;
    }
  }
}

/** `first`, which was taken already, and then the rest. */
export async function* withFirst<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  yield first;
  yield* rest;
}

/** One writer at a time is assumed only for order: concurrent writes are each delivered whole. */
export function createSink<Res>(stream: Writable<Res>, signal: AbortSignal): Sink<Res> {
  function write(message: Res): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (stream.writableEnded) {
      return Promise.reject(new GantryError(13, "write after the end of the call", { reason: "WRITE_AFTER_END" }));
    }
    if (stream.write(message)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onDrain = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        stream.off("drain", onDrain);
        reject(signal.reason as Error);
      };
      stream.once("drain", onDrain);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
  return {
    write,
    // The server's serializers let bytes through as they are.
    writeRaw: (bytes) => write(bytes as Res),
  };
}
