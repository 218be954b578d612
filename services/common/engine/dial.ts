import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import type DockerModem from "docker-modem";
import { GantryError } from "../errors/errors.ts";
import { engineAnswerError, engineGone, engineStopped } from "./errors.ts";

/** Limit of an ordinary call that names none. */
export const CALL_TIMEOUT_MS = 60_000;

/** A list is sent as one parameter for each of its values, a mapping as JSON. */
export type Query = Record<string, string | number | boolean | undefined | string[] | Record<string, string[]>>;

export interface DialOptions {
  method: string;
  /** With the version: `/v1.51/containers/json`. */
  path: string;
  query?: Query;
  body?: object;
  upload?: Readable;
  headers?: Record<string, string>;
  hijack?: boolean;
  /** Until the answer begins; with `whole`, until it has ended. */
  timeoutMs?: number;
  whole?: boolean;
  signal?: AbortSignal | undefined;
}

/** Answers that are not errors; 304 is "it was so already" (start of a running container). */
const GOOD: DockerModem.StatusCodes = { 101: true, 200: true, 201: true, 202: true, 204: true, 304: true };

/**
 * One request through docker-modem; resolves when the answer begins (or, with `hijack`, to the raw connection). The answer is always
 * taken as a stream: the modem's own collecting never ends when the engine dies in the middle of an answer.
 */
export function dial(docker: Docker, options: DialOptions & { hijack: true }): Promise<Socket>;
export function dial(docker: Docker, options: DialOptions): Promise<IncomingMessage>;
export function dial(docker: Docker, options: DialOptions): Promise<IncomingMessage | Socket> {
  const what = `${options.method} ${options.path}`;
  const timeoutMs = options.timeoutMs ?? CALL_TIMEOUT_MS;
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const stopped = (): Error =>
      signal?.reason instanceof GantryError ? signal.reason : engineStopped(what, timedOut, timeoutMs);
    let timedOut = false;
    if (signal?.aborted) return reject(stopped());
    const stop = new AbortController();
    const timer = setTimeout(() => {
      timedOut = true;
      stop.abort();
    }, timeoutMs);
    const onAbort = (): void => stop.abort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const forget = (): void => signal?.removeEventListener("abort", onAbort);

    docker.modem.dial(request(options, stop.signal), (error, result) => {
      if (error || !options.whole) clearTimeout(timer);
      if (error) {
        forget();
        return reject(stop.signal.aborted ? stopped() : toEngineError(what, error));
      }
      const answer = result as IncomingMessage | Socket;
      // Once the answer has begun, the signal ends its stream.
      stop.signal.addEventListener("abort", () => answer.destroy(stopped()), {
        once: true,
      });
      answer.once("close", () => {
        clearTimeout(timer);
        forget();
      });
      if (options.hijack) answer.on("error", () => answer.destroy());
      if (stop.signal.aborted) answer.destroy();
      resolve(answer);
    });
  });
}

function request(options: DialOptions, abortSignal: AbortSignal): DockerModem.DialOptions {
  const query = Object.entries(options.query ?? {}).filter(([, value]) => value !== undefined);
  const dialed: DockerModem.DialOptions = {
    method: options.method,
    path: query.length === 0 ? options.path : `${options.path}?`,
    options: { _query: Object.fromEntries(query), _body: options.body ?? {} },
    headers: { ...options.headers },
    isStream: true,
    hijack: options.hijack === true,
    statusCodes: GOOD,
    abortSignal,
  };
  if (options.upload) {
    dialed.file = options.upload;
    dialed.headers = { "Content-Type": "application/x-tar", ...dialed.headers };
  }
  return dialed;
}

function toEngineError(what: string, error: Error): Error {
  const { statusCode, message } = error as Error & { statusCode?: number };
  if (statusCode === undefined) return engineGone(what, error);
  return engineAnswerError(statusCode, what, message.replace(/^\(HTTP code \d+\) .*? - /s, "").trim());
}
