import { join } from "node:path";
import { Client } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { Tickets } from "../services/common/auth/tickets.ts";
import { createTokenVerifier, type VerifyToken } from "../services/common/auth/token.ts";
import { codec } from "../services/common/codec/codec.ts";
import type { MainContext } from "../services/common/lifecycle/run-main.ts";
import type { Metrics } from "../services/common/metrics/metrics.ts";
import { loadTls, type Tls } from "../services/common/realm/tls.ts";
import { connectClient } from "../services/common/rpc/client.ts";
import { commandFactory } from "./commands/session.ts";
import { createRouter } from "./commands/router.ts";
import type { GatewayConfig } from "./config.ts";
import { createSocketMetrics, registerMirrorMetrics } from "./metrics.ts";
import { followService } from "./mirror/feed.ts";
import { HOST_FEED_KINDS } from "./mirror/host-feed-kinds.ts";
import { HostFeeds } from "./mirror/host-feeds.ts";
import { Mirrors } from "./mirror/mirrors.ts";
import { UsageFeed } from "./mirror/usage-feed.ts";
import { takeWindows } from "./mirror/window-file.ts";
import { SocketServer } from "./ws/socket-server.ts";

/** What the gateway works with. Plain: made once, changed by nobody. */
export interface GatewayContext {
  readonly config: GatewayConfig;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tls: Tls;
  readonly verify: VerifyToken;
  readonly tickets: Tickets;
  readonly mirrors: Mirrors;
  readonly sockets: SocketServer;
  /** Connections by service. */
  readonly clients: ReadonlyMap<string, Client>;
  /** File of the mirrors' windows between a planned stop and the next start. */
  readonly windowsPath: string;
  readonly signal: AbortSignal;
}

const toJson = (typeName: string, bytes: Uint8Array) => codec.toJson(typeName, bytes, { redact: true });

/** Connects to the services and begins to follow them. */
export async function createContext(main: MainContext<GatewayConfig>): Promise<GatewayContext> {
  const { config, log, metrics, signal, fail } = main;
  const tls = loadTls({ dir: config.tlsDir, process: "gateway", log });
  const verify = await createTokenVerifier({ keysPath: config.tokenKeysPath });
  const credentials = tls.channelCredentials();
  const clients = new Map<string, Client>();
  for (const [service, address] of config.services) {
    clients.set(service, connectClient(Client, address, credentials, { serverName: service }));
  }
  const windowsPath = join(config.dataDir, "gateway", "windows.json");
  const mirrors: Mirrors = new Mirrors({
    toJson,
    log,
    services: [...clients.keys()],
    usageWanted: (kinds) => usage.want(kinds),
    limits: config.limits.mirrors,
  });
  const usage = new UsageFeed({ world: mirrors.world, clients, toJson, log, signal, fail });
  mirrors.catalog.adopt(await takeWindows(windowsPath));
  registerMirrorMetrics(metrics.registry, mirrors);
  for (const [service, client] of clients) {
    followService({ client, tracker: mirrors.trackers.get(service)!, log, signal }).catch(fail);
  }
  const compute = mirrors.trackers.get("compute");
  if (compute) {
    for (const feed of HOST_FEED_KINDS.filter(({ service }) => clients.has(service))) {
      const options = { serverName: feed.service };
      const connect = (address: string): Client => connectClient(Client, address, credentials, options);
      new HostFeeds({ world: mirrors.world, feed, compute, connect, toJson, log, signal, fail }).start();
    }
  }
  const tickets = new Tickets();
  const sockets = new SocketServer({
    catalog: mirrors.catalog,
    verify,
    tickets,
    log,
    allowedOrigins: config.allowedOrigins,
    origins: mirrors,
    createCommands: commandFactory({ router: createRouter(clients), codec, limits: config.limits.commands }),
    metrics: createSocketMetrics(metrics.registry),
    limits: config.limits.sockets,
  });
  return { config, log, metrics, tls, verify, tickets, mirrors, sockets, clients, windowsPath, signal };
}
