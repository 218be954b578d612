import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import type { Tickets } from "../../services/common/auth/tickets.ts";
import type { VerifyToken } from "../../services/common/auth/token.ts";
import { splitHostPort } from "../../services/common/config/values.ts";
import type { SocketServer } from "../ws/socket-server.ts";
import { type Certificate, followCertificate } from "./certificate.ts";
import { PAGE } from "./page.ts";
import { sendText } from "./respond.ts";
import { issueTicket } from "./tickets.ts";

const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
const HEADER_BYTES_MAX = 32 * 1024;
const BODY_BYTES_MAX = 4 * 1024;
/** Connections beside the WebSockets. */
const PLAIN_CONNECTIONS_MAX = 1_000;

export interface HttpOptions {
  /** `host:port`. */
  listen: string;
  /** PEM, and where it came from: renewed files are used. Absent: plain HTTP. */
  tls?: Certificate & { certPath: string; keyPath: string };
  sockets: SocketServer;
  verify: VerifyToken;
  tickets: Tickets;
  healthy: () => boolean;
  log: Logger;
}

export interface HttpGateway {
  readonly server: Server | TlsServer;
  /** `host:port` as it is listening. */
  readonly address: string;
  close(): Promise<void>;
}

/** HTTP and WebSocket on one port. */
export async function serveHttp(options: HttpOptions): Promise<HttpGateway> {
  const settings = {
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    // Some HTTP clients offer h2c with their first request: it is answered as if they had not.
    shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket",
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    route(options, request, response).catch((err: unknown) => {
      options.log.error({ err, url: request.url?.split("?")[0] }, "an HTTP request failed");
      if (!response.headersSent) sendText(response, 500, "text/plain", "internal error\n");
      else response.destroy();
    });
  };
  const { tls, log } = options;
  let stopFollowing: (() => void) | undefined;
  let server: Server | TlsServer;
  if (tls) {
    const { cert, key } = tls;
    const secureSettings = { cert, key, minVersion: "TLSv1.2" as const, handshakeTimeout: REQUEST_TIMEOUT_MS };
    const secure = createTlsServer({ ...settings, ...secureSettings }, listener);
    stopFollowing = followCertificate(secure, tls, tls, log);
    server = secure;
  } else server = createServer(settings, listener);
  server.maxConnections = options.sockets.limits.connectionsMax + PLAIN_CONNECTIONS_MAX;
  server.on("upgrade", (request, socket, head) => options.sockets.upgrade(request, socket, head));
  const { host, port } = splitHostPort(options.listen);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  const name = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return {
    server,
    address: `${name}:${bound.port}`,
    close: () =>
      new Promise((resolve) => {
        stopFollowing?.();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function route(options: HttpOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  discardBody(request);
  const path = request.url?.split("?")[0];
  const reads = request.method === "GET" || request.method === "HEAD";
  if (path === "/v1/tickets") {
    if (request.method !== "POST") return notAllowed(response, "POST");
    return issueTicket(request, response, options.verify, options.tickets);
  }
  if (path !== "/" && path !== "/healthz") return sendText(response, 404, "text/plain", "nothing is here\n");
  if (!reads) return notAllowed(response, "GET, HEAD");
  if (path === "/") return sendText(response, 200, "text/html", PAGE);
  const healthy = options.healthy();
  sendText(response, healthy ? 200 : 503, "text/plain", healthy ? "ok\n" : "not serving\n");
}

function notAllowed(response: ServerResponse, allow: string): void {
  response.setHeader("allow", allow);
  sendText(response, 405, "text/plain", `only ${allow}\n`);
}

/** No request here has a body that matters: a long one ends the connection. */
function discardBody(request: IncomingMessage): void {
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) request.destroy();
  });
}
