import { setTimeout as delay } from "node:timers/promises";
import type { ClientReadableStream } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { WatchRequest } from "../../../proto/gen/gantry/common/v1/watch.ts";
import type { WatchResponse } from "../../../proto/gen/gantry/common/v1/watch.ts";

export const BACKOFF_MIN_MS = 100;
export const BACKOFF_MAX_MS = 5_000;
/** The server sends a bookmark each 10 s: a stream that is silent for longer than this is dead. */
export const SILENCE_MAX_MS = 30_000;

export type WatchClientState = "connected" | "disconnected";

export interface WatchClientOptions {
  /** Opens one stream; called again after each end. */
  open: (request: WatchRequest) => ClientReadableStream<WatchResponse>;
  /** What to watch; `logId` and `since` to begin with, where known. */
  request: Partial<WatchRequest>;
  /**
   * Each batch, in order; the next waits until it resolves. `reset` is also set on the first batch of a stream that begins anew after a
   * snapshot that was cut off. Observations begin with a snapshot on each stream: after `connected`.
   */
  onBatch: (batch: WatchResponse) => void | Promise<void>;
  onState?: (state: WatchClientState, error?: Error) => void;
  log: Logger;
  signal: AbortSignal;
  silenceMaxMs?: number;
}

/** Follows a Watch stream for ever: comes back after each end where it was, with growing pauses while that fails. */
export class WatchClient {
  readonly #options: WatchClientOptions;
  readonly #done: Promise<void>;
  #logId: string;
  #since: bigint;
  #streams = 0;

  constructor(options: WatchClientOptions) {
    this.#options = options;
    this.#logId = options.request.logId ?? "";
    this.#since = options.request.since ?? 0n;
    this.#done = this.#run();
  }

  /** Where the next stream resumes: everything up to here was given to `onBatch`. An empty log id: with a snapshot. */
  get bookmark(): { logId: string; since: bigint } {
    return { logId: this.#logId, since: this.#since };
  }

  /** Resolves when the signal has aborted and nothing runs any more. Rejects with what `onBatch` threw. */
  get done(): Promise<void> {
    return this.#done;
  }

  async #run(): Promise<void> {
    const { signal, onState, log } = this.#options;
    for (let failures = 0; !signal.aborted; failures++) {
      const before = this.#streams;
      const error = await this.#follow();
      if (signal.aborted) return;
      const connected = this.#streams > before;
      if (connected) failures = 0;
      if (connected || failures === 0) onState?.("disconnected", error);
      const pauseMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures) * (0.5 + Math.random());
      log.debug({ err: error, pauseMs }, "a watch stream has ended");
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One stream. Returns why it ended; throws only what `onBatch` threw. */
  async #follow(): Promise<Error> {
    const { open, request, signal, onState, onBatch, silenceMaxMs = SILENCE_MAX_MS } = this.#options;
    const resumed = this.#logId !== "";
    const stream = open(WatchRequest.fromPartial({ ...request, logId: this.#logId, since: this.#since }));
    const cancel = (): void => stream.cancel();
    let handling = false;
    let heardAtMs = performance.now();
    const silence = setInterval(() => {
      if (!handling && performance.now() - heardAtMs > silenceMaxMs) cancel();
    }, silenceMaxMs / 4);
    signal.addEventListener("abort", cancel, { once: true });
    // The loop below sees the error; one that comes after it has ended says nothing new.
    stream.on("error", () => undefined);
    let first = true;
    try {
      for await (const batch of stream as AsyncIterable<WatchResponse>) {
        if (first) {
          if (!resumed && this.#streams > 0) batch.reset = true;
          this.#streams++;
          onState?.("connected");
          first = false;
        }
        if (batch.reset) this.#logId = "";
        handling = true;
        await onBatch(batch);
        handling = false;
        heardAtMs = performance.now();
        if (batch.revision > 0n) {
          this.#logId = batch.logId;
          this.#since = batch.revision;
        }
      }
      return new Error("the server ended the stream");
    } catch (error) {
      if (handling) throw error;
      return error as Error;
    } finally {
      clearInterval(silence);
      signal.removeEventListener("abort", cancel);
      cancel();
    }
  }
}
