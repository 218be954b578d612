import type { IncomingMessage } from "node:http";
import { Agent, type AgentOptions, request } from "node:https";
import type { TLSSocket } from "node:tls";
import { cancelled } from "../../common/errors/errors.ts";
import type { Credentials } from "./credentials.ts";
import { kubernetesGone } from "./errors.ts";
import { API_SERVER_NAME, type Endpoint } from "./target.ts";

/** A kernel whose process is paused takes a connection all the same: the handshake is what is waited for. */
export const CONNECT_TIMEOUT_MS = 3_000;
/** Of an agent's sockets; a peer that is gone without a word is noticed after a few of these. */
export const KEEPALIVE_MS = 5_000;
const CALL_SOCKETS_MAX = 16;
const CALL_SOCKETS_IDLE_MAX = 2;
/** Longest answer that is taken: a page of a list. */
export const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

export interface Sent {
  method: string;
  /** With the query. */
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
  /** Until the answer has ended. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  statusCode: number;
  body: string;
}

/** No connection was made: nothing was sent. */
export class NotConnected extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = "NotConnected";
  }
}

/** An answer of more than ANSWER_BYTES_MAX bytes. */
export class AnswerTooLong extends Error {
  constructor() {
    super(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    this.name = "AnswerTooLong";
  }
}

export function apiAgent(credentials: Credentials, options: AgentOptions = {}): Agent {
  return new Agent({
    ca: credentials.ca,
    cert: credentials.certificate,
    key: credentials.key,
    servername: API_SERVER_NAME,
    keepAlive: true,
    keepAliveMsecs: KEEPALIVE_MS,
    maxSockets: CALL_SOCKETS_MAX,
    maxFreeSockets: CALL_SOCKETS_IDLE_MAX,
    ...options,
  });
}

/** Sockets whose handshake is done: one that a waiting call takes over from another is no `reusedSocket` of Node's. */
const secured = new WeakSet<object>();

/** One request to one endpoint. Rejects with NotConnected, AnswerTooLong, KubernetesError (no whole answer) or CANCELLED. */
export function send(agent: Agent, endpoint: Endpoint, sent: Sent): Promise<Answer> {
  const what = `${sent.method} ${sent.path.split("?", 1)[0]}`;
  const { signal } = sent;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(cancelled(`${what} was cancelled`));
    let connected = false;
    const call = request({
      agent,
      host: endpoint.host,
      port: endpoint.port,
      method: sent.method,
      path: sent.path,
      headers: sent.headers,
    });
    const timer = setTimeout(() => call.destroy(new Error(`no answer within ${sent.timeoutMs} ms`)), sent.timeoutMs);
    let connecting: NodeJS.Timeout | undefined;
    const onAbort = (): void => void call.destroy(cancelled(`${what} was cancelled`));
    const settle = (): void => {
      clearTimeout(timer);
      clearTimeout(connecting);
      signal?.removeEventListener("abort", onAbort);
    };
    const onConnect = (): void => {
      connected = true;
      clearTimeout(connecting);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    // From here on: before, it only waits for one of the agent's sockets to be free.
    call.on("socket", (socket) => {
      if (call.reusedSocket || secured.has(socket)) return onConnect();
      const noConnection = (): void => void call.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`));
      connecting = setTimeout(noConnection, CONNECT_TIMEOUT_MS);
      (socket as TLSSocket).once("secureConnect", () => {
        secured.add(socket);
        onConnect();
      });
    });
    call.on("error", (error) => {
      settle();
      if (signal?.aborted) return reject(cancelled(`${what} was cancelled`));
      reject(connected ? kubernetesGone(what, error) : new NotConnected(error));
    });
    call.on("response", (response) => {
      readAll(response).then(
        (body) => {
          settle();
          resolve({ statusCode: response.statusCode ?? 0, body });
        },
        (error: unknown) => {
          settle();
          call.destroy();
          if (signal?.aborted) return reject(cancelled(`${what} was cancelled`));
          reject(error instanceof AnswerTooLong ? error : kubernetesGone(what, error));
        },
      );
    });
    call.end(sent.body);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    bytes += (part as Buffer).length;
    if (bytes > ANSWER_BYTES_MAX) throw new AnswerTooLong();
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString("utf8");
}
