import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { splitHostPort } from "../config/values.ts";
import type { Registry } from "./metrics.ts";

const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;

export interface MetricsServerOptions {
  /** `host:port`. */
  listen: string;
  registry: Registry;
  /** False answers /healthz with 503. */
  healthy: () => boolean;
  log: Logger;
}

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

/** GET /metrics (Prometheus text) and /healthz. */
export async function serveMetrics(options: MetricsServerOptions): Promise<MetricsServer> {
  const { host, port } = splitHostPort(options.listen);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      const send = (status: number, type: string, body: string): void => {
        response
          .writeHead(status, { "content-type": type, "cache-control": "no-store" })
          .end(request.method === "HEAD" ? "" : body);
      };
      if (request.method !== "GET" && request.method !== "HEAD") return send(405, "text/plain", "GET only\n");
      switch (request.url?.split("?")[0]) {
        case "/healthz":
          return options.healthy() ? send(200, "text/plain", "ok\n") : send(503, "text/plain", "not serving\n");
        case "/metrics":
          options.registry
            .metrics()
            .then((text) => send(200, options.registry.contentType, text))
            .catch((error: unknown) => {
              options.log.error({ err: error }, "metrics could not be collected");
              send(500, "text/plain", "metrics could not be collected\n");
            });
          return undefined;
        default:
          return send(404, "text/plain", "there is /metrics and /healthz\n");
      }
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? new Error(`metrics address ${host}:${port} is in use`) : error);
    });
    server.listen(port, host, resolve);
  });
}
