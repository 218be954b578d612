import { Agent, type AgentOptions } from "node:https";
import { isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Connection } from "./client.ts";
import { kubernetesAnswerError, kubernetesGone } from "./errors.ts";
import { API_SERVER_NAME } from "./target.ts";
import { KEEPALIVE_MS } from "./transport.ts";

/** Longest event that is taken, and what may be under way behind it. The API's own objects have at most about 1.5 MB. */
export const WATCH_EVENT_BYTES_MAX = 4 * 1024 * 1024;
/** Until the stream begins. */
export const WATCH_OPEN_TIMEOUT_MS = 10_000;

export type WatchEventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";

export interface WatchOptions {
  /** `/api/v1/pods`. */
  path: string;
  query: Record<string, string | number | boolean>;
  /** The stream has begun. */
  onOpen(): void;
  onEvent(type: WatchEventType, object: unknown): void;
  signal: AbortSignal;
}

/**
 * One watch, with the official client's own. Resolves when the server has ended it, or the signal has; rejects with KubernetesError (410: begin
 * with a list), or with what `onEvent` threw.
 *
 * Only the client's watch is loaded, at the first one: the whole package takes twice the memory of the rest of the process.
 */
export async function watch(connection: Connection, options: WatchOptions): Promise<void> {
  const { Watch } = await import("@kubernetes/client-node/dist/watch.js");
  const { path, query, onOpen, onEvent, signal } = options;
  if (signal.aborted) return;
  const what = `watch of ${path}`;
  const { endpoint, credentials } = connection;
  const host = isIPv6(endpoint.host) ? `[${endpoint.host}]` : endpoint.host;
  await new Promise<void>((resolve, reject) => {
    let ended = false;
    const end = (settle: () => void): void => {
      if (ended) return;
      ended = true;
      clearTimeout(opening);
      signal.removeEventListener("abort", onAbort);
      agent.destroy();
      settle();
    };
    const fail = (error: unknown): void => end(() => reject(error as Error));
    const onAbort = (): void => end(resolve);
    const agent = new BoundedAgent(
      { ca: credentials.ca, cert: credentials.certificate, key: credentials.key, servername: API_SERVER_NAME },
      () => fail(kubernetesGone(what, new Error(`an event has more than ${WATCH_EVENT_BYTES_MAX} bytes`))),
    );
    const opening = setTimeout(
      () => fail(kubernetesGone(what, new Error(`no answer within ${WATCH_OPEN_TIMEOUT_MS} ms`))),
      WATCH_OPEN_TIMEOUT_MS,
    );
    signal.addEventListener("abort", onAbort, { once: true });
    // The client asks its configuration for two things only.
    const config = {
      getCurrentCluster: () => ({ name: "", server: `https://${host}:${endpoint.port}`, skipTLSVerify: false }),
      applyToFetchOptions: (init: object) => Promise.resolve({ ...init, agent }),
    } as unknown as KubeConfig;
    const deliver = (type: string, object: unknown): void => {
      if (ended) return;
      agent.delivered();
      try {
        onEvent(type as WatchEventType, object);
      } catch (error) {
        // The client itself would pass over it.
        fail(error);
      }
    };
    const done = (error: unknown): void => {
      if (!error) return end(resolve);
      const { statusCode } = error as { statusCode?: number };
      fail(statusCode === undefined ? kubernetesGone(what, error) : kubernetesAnswerError(statusCode, what, ""));
    };
    const opened = (): void => {
      if (ended) return;
      clearTimeout(opening);
      onOpen();
    };
    new Watch(config).watch(path, query, deliver, done).then(opened, fail);
  });
}

/** Connections that say when more has come than one event may have since the last was delivered: the client reads lines of any length. */
class BoundedAgent extends Agent {
  readonly #tooLong: () => void;
  #bytes = 0;

  constructor(options: AgentOptions, tooLong: () => void) {
    super({ ...options, keepAlive: true, keepAliveMsecs: KEEPALIVE_MS });
    this.#tooLong = tooLong;
  }

  delivered(): void {
    this.#bytes = 0;
  }

  override createConnection(...args: Parameters<Agent["createConnection"]>): Duplex | null | undefined {
    const socket = super.createConnection(...args);
    socket?.on("data", (part: Buffer) => {
      this.#bytes += part.length;
      if (this.#bytes > WATCH_EVENT_BYTES_MAX) this.#tooLong();
    });
    return socket;
  }
}
