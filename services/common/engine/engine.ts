import { Agent, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { inspect } from "node:util";
import Docker from "dockerode";
import { type EngineVersion, negotiateApiVersion } from "./api-version.ts";
import { readJson, readText } from "./body.ts";
import { dial, type Query } from "./dial.ts";
import { isEngineUnavailable } from "./errors.ts";

/** Calls that may run at the same time; more wait for a free connection. */
export const CALL_SOCKETS_MAX = 96;
/** Idle connections kept open. */
export const CALL_SOCKETS_IDLE_MAX = 16;
/** Streams (events, logs, stats, archives, pulls) open at the same time. */
export const STREAM_SOCKETS_MAX = 512;
/** Limit until a stream's answer begins; what follows is bounded by the caller's signal. */
export const STREAM_OPEN_TIMEOUT_MS = 60_000;

/** Of the first call, which asks for the versions. */
const VERSION_TIMEOUT_MS = 10_000;

export interface AgreedVersion {
  engine: EngineVersion;
  /** `1.51`. */
  api: string;
}

export interface CallOptions {
  query?: Query;
  /** Sent as JSON. */
  body?: object;
  /** Sent as it is, as application/x-tar. */
  upload?: Readable;
  headers?: Record<string, string>;
  /** Of a call: until its answer has ended. Of a stream: until its answer begins, or with `whole` until it has ended. */
  timeoutMs?: number;
  whole?: boolean;
  signal?: AbortSignal | undefined;
}

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

/** The modem describes every request whole, for a log that is off: an agent with all its sockets costs it 10 ms and more. */
class ShownByName extends Agent {
  [inspect.custom](): string {
    return "Agent";
  }
}

/**
 * A Docker engine behind a unix socket. Nothing is connected until the first call, which also agrees on the API version; after the
 * engine was gone the next call does so again (it may have been upgraded). Errors are EngineError (see errors.ts), or
 * CANCELLED / DEADLINE_EXCEEDED when the caller's signal or time limit ended the call.
 *
 * Paths are given without version: `/containers/json`. The typed calls are in api/.
 */
export class Engine {
  readonly socketPath: string;
  readonly #calls: Docker;
  readonly #streams: Docker;
  readonly #agents: Agent[];
  #known: AgreedVersion | undefined;
  #asking: Promise<AgreedVersion> | undefined;

  constructor(options: { socketPath: string }) {
    this.socketPath = options.socketPath;
    const callAgent = new ShownByName({
      keepAlive: true,
      maxSockets: CALL_SOCKETS_MAX,
      maxFreeSockets: CALL_SOCKETS_IDLE_MAX,
    });
    const streamAgent = new ShownByName({ keepAlive: false, maxSockets: STREAM_SOCKETS_MAX });
    this.#agents = [callAgent, streamAgent];
    this.#calls = docker(this.socketPath, callAgent);
    this.#streams = docker(this.socketPath, streamAgent);
  }

  /** What GET /version says, with the API version agreed on. Asked once per life of the engine, by one call for all that wait. */
  async version(): Promise<AgreedVersion> {
    if (this.#known) return this.#known;
    this.#asking ??= this.#negotiate();
    try {
      this.#known = await this.#asking;
      return this.#known;
    } finally {
      this.#asking = undefined;
    }
  }

  /** The next call agrees on the version anew. */
  forgetVersion(): void {
    this.#known = undefined;
  }

  /** Whether the engine answers; rejects with the reason when it does not. */
  async ping(options: { timeoutMs: number; signal?: AbortSignal }): Promise<void> {
    await readText(await dial(this.#calls, { method: "GET", path: "/_ping", whole: true, ...options }));
  }

  /** One call with a JSON answer; undefined for an answer without body. A read is tried once more when its kept connection had ended. */
  async call<T>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
    try {
      return (await readJson(await this.#open(this.#calls, method, path, { ...options, whole: true }))) as T;
    } catch (error) {
      if (!isEngineUnavailable(error) || error.statusCode !== 0) throw error;
      this.forgetVersion();
      if (method !== "GET" || !isReset(error.cause)) throw error;
      return (await readJson(await this.#open(this.#calls, method, path, { ...options, whole: true }))) as T;
    }
  }

  /** One call whose answer is read as it comes. Abort `signal`, or destroy the stream, to end it. */
  async stream(method: Method, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    try {
      return await this.#open(this.#streams, method, path, { timeoutMs: STREAM_OPEN_TIMEOUT_MS, ...options });
    } catch (error) {
      if (isEngineUnavailable(error)) this.forgetVersion();
      throw error;
    }
  }

  /** A call that turns its connection into a raw one in both directions. The caller destroys the socket. */
  async hijack(path: string, options: CallOptions = {}): Promise<Socket> {
    const { api } = await this.version();
    return dial(this.#streams, { method: "POST", path: `/v${api}${path}`, hijack: true, ...options });
  }

  /** Ends idle connections; calls under way are cut off. */
  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }

  async #open(docker: Docker, method: Method, path: string, options: CallOptions): Promise<IncomingMessage> {
    const { api } = await this.version();
    return dial(docker, { method, path: `/v${api}${path}`, ...options });
  }

  async #negotiate(): Promise<AgreedVersion> {
    const answer = await dial(this.#calls, {
      method: "GET",
      path: "/version",
      whole: true,
      timeoutMs: VERSION_TIMEOUT_MS,
    });
    const engine = (await readJson(answer)) as EngineVersion;
    return { engine, api: negotiateApiVersion(engine) };
  }
}

function isReset(cause: unknown): boolean {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return code === "ECONNRESET" || code === "EPIPE";
}

/** Every option that docker-modem would else take from the environment (DOCKER_HOST and its kin) is given. */
function docker(socketPath: string, agent: Agent): Docker {
  const options = { socketPath, agent, protocol: "http" as const, host: "", port: undefined, timeout: undefined };
  return new Docker({ ...options, key: undefined, cert: undefined, ca: undefined });
}
