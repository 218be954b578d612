import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { WebSocketServer, type WebSocket } from "ws";
import type { Principal } from "../../services/common/auth/principal.ts";
import type { Tickets } from "../../services/common/auth/tickets.ts";
import type { VerifyToken } from "../../services/common/auth/token.ts";
import { notFound, type GantryError } from "../../services/common/errors/errors.ts";
import type { Catalog } from "../mirror/catalog.ts";
import type { CommandSession, CreateCommands } from "./commands.ts";
import { decorateReply } from "./decorate-reply.ts";
import { SOCKET_LIMITS, type SocketLimits } from "./limits.ts";
import { originAllowed } from "./origin.ts";
import { Session } from "./session.ts";
import type { SocketMetrics } from "./socket-metrics.ts";

/** Path of the WebSocket. */
export const MIRROR_PATH = "/v1/mirror";
export const SUBPROTOCOL = "mirror.v1.json";
const RECONNECT_AFTER_MS_MIN = 200;
const RECONNECT_JITTER_MS = 3_000;

export interface OriginWaiter {
  /** True when every configured service was listed whole once. */
  readonly listed: boolean;
  /** Resolves once `check` holds, looked at whenever the state of an origin changes; false after `timeoutMs`. */
  when(check: () => boolean, timeoutMs: number): Promise<boolean>;
}

export interface SocketServerOptions {
  catalog: Catalog;
  verify: VerifyToken;
  tickets: Tickets;
  log: Logger;
  /** Values of Origin that browsers may come from besides the gateway's own. */
  allowedOrigins: readonly string[];
  /** What is known of the services. */
  origins: OriginWaiter;
  createCommands?: CreateCommands;
  metrics?: SocketMetrics;
  limits?: Partial<SocketLimits>;
}

const SESSION = Symbol("session");
type Owned<T> = T & { [SESSION]?: Session };

/** All WebSockets of the gateway. */
export class SocketServer {
  readonly catalog: Catalog;
  readonly tickets: Tickets;
  readonly log: Logger;
  readonly limits: SocketLimits;
  readonly metrics: SocketMetrics | undefined;
  readonly #options: SocketServerOptions;
  readonly #wss: WebSocketServer;
  readonly #sessions = new Set<Session>();
  readonly #sweeper: NodeJS.Timeout;
  #unauthenticated = 0;
  #sweeps = 0;
  #draining = false;

  constructor(options: SocketServerOptions) {
    this.#options = options;
    this.catalog = options.catalog;
    this.tickets = options.tickets;
    this.log = options.log;
    this.limits = { ...SOCKET_LIMITS, ...options.limits };
    this.metrics = options.metrics;
    this.#wss = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: this.limits.frameBytesMax,
      perMessageDeflate: false,
      handleProtocols: () => SUBPROTOCOL,
    });
    this.#sweeper = setInterval(() => this.#sweep(), this.limits.sweepIntervalMs);
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** Takes over an HTTP connection that asked for an upgrade, or answers why not. */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const socket = stream as Socket;
    const refusal = this.#refusal(request);
    if (refusal) return refuseUpgrade(socket, ...refusal);
    this.#wss.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, socket));
  }

  /** Throws UNAUTHENTICATED. */
  async identify(token: string): Promise<{ principal: Principal; token: string }> {
    return { principal: await this.#options.verify(token), token };
  }

  greeted(session: Session): void {
    if (this.#sessions.has(session)) this.#unauthenticated--;
  }

  /** Waits a little after the gateway's start, so that the first snapshot is not of nothing. */
  async originsListed(mirror: string): Promise<void> {
    const { origins } = this.#options;
    const { resumeTimeoutMs, originsTimeoutMs } = this.limits;
    if (this.catalog.hasSaved(mirror)) await origins.when(() => this.catalog.canContinue(mirror), resumeTimeoutMs);
    else await origins.when(() => origins.listed, originsTimeoutMs);
  }

  createCommands(session: Session): CommandSession | undefined {
    return this.#options.createCommands?.({
      token: () => session.token,
      send: (frame) => session.send(frame),
      onDrain: (callback) => void (session.drainCallbacks ??= []).push(callback),
      log: this.log,
      peer: session.peer,
      decorateReply: (method, body) => decorateReply(session, method, body),
    });
  }

  mirrorGone(name: string): GantryError {
    return notFound(`mirror ${name}`);
  }

  /** A planned stop: everyone is told when to come back, not all at once, and sent away. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.catalog.fanout.flush();
    for (const session of this.#sessions) {
      const after = Math.round(RECONNECT_AFTER_MS_MIN + Math.random() * RECONNECT_JITTER_MS);
      session.send({ t: "reconnect", after });
      session.close("GOING_AWAY");
    }
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#sessions.size > 0 && performance.now() < deadlineMs) await this.#nextClose(deadlineMs);
  }

  destroy(): void {
    clearInterval(this.#sweeper);
    this.#draining = true;
    for (const session of this.#sessions) session.close("GOING_AWAY");
  }

  #refusal(request: IncomingMessage): [number, string] | undefined {
    const path = request.url?.split("?")[0];
    if (path !== MIRROR_PATH) return [404, `the WebSocket is at ${MIRROR_PATH}`];
    const secure = "encrypted" in request.socket;
    if (!originAllowed(request.headers, this.#options.allowedOrigins, secure))
      return [403, "this Origin is not allowed"];
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
    if (!offered.includes(SUBPROTOCOL)) return [400, `offer the subprotocol ${SUBPROTOCOL}`];
    if (this.#draining) return [503, "the gateway is stopping"];
    if (this.#sessions.size >= this.limits.connectionsMax) return [503, "too many connections"];
    if (this.#unauthenticated >= this.limits.unauthenticatedMax) return [503, "too many connections without hello"];
    return undefined;
  }

  #accept(ws: WebSocket, socket: Socket): void {
    const session = new Session(this, ws, socket);
    this.#sessions.add(session);
    this.#unauthenticated++;
    (ws as Owned<WebSocket>)[SESSION] = session;
    (socket as Owned<Socket>)[SESSION] = session;
    ws.on("message", onMessage);
    ws.on("pong", onPong);
    ws.on("error", onError);
    ws.on("close", onClose);
    socket.on("drain", onDrain);
    this.metrics?.opened();
  }

  closed(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    if (!session.principal) this.#unauthenticated--;
    session.gone();
    this.metrics?.gone();
    this.#closeWaiter?.();
  }

  #closeWaiter: (() => void) | undefined;

  async #nextClose(deadlineMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closeWaiter = resolve;
    const timer = setTimeout(resolve, Math.max(0, deadlineMs - performance.now()));
    await promise;
    clearTimeout(timer);
  }

  /** Pings go to a part of the sockets each time, so that they don't all come at once. */
  #sweep(): void {
    const nowMs = performance.now();
    const slots = Math.max(1, Math.round(this.limits.pingIntervalMs / this.limits.sweepIntervalMs));
    const slot = this.#sweeps++ % slots;
    let i = 0;
    for (const session of this.#sessions) session.sweep(nowMs, i++ % slots === slot);
  }
}

// One function for all sockets: a closure for each would be memory of each.
function onMessage(this: Owned<WebSocket>, data: Buffer, isBinary: boolean): void {
  this[SESSION]!.received(data, isBinary);
}
function onPong(this: Owned<WebSocket>): void {
  this[SESSION]!.ponged();
}
/** Protocol violations: ws closes with the code that says so. */
function onError(this: Owned<WebSocket>, error: Error): void {
  this[SESSION]!.server.log.debug({ err: error }, "socket error");
}
function onClose(this: Owned<WebSocket>): void {
  const session = this[SESSION]!;
  session.server.closed(session);
}
function onDrain(this: Owned<Socket>): void {
  this[SESSION]!.drained();
}

const STATUS_TEXT: Record<number, string> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  503: "Service Unavailable",
};

function refuseUpgrade(socket: Socket, status: number, why: string): void {
  const body = `${why}\n`;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_TEXT[status]}`,
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(status === 503 ? ["Retry-After: 2"] : []),
  ];
  socket.on("error", () => socket.destroy());
  // The server's timeouts no longer hold for it: one that never closes its side would stay for ever.
  socket.once("finish", () => socket.destroy());
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
