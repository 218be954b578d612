import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, credentials } from "@grpc/grpc-js";
import { setUpRealm } from "../../deploy/local/realm/set-up-realm.ts";
import {
  clusterSettings,
  computeSettings,
  gatewaySettings,
  gatewayUrl,
  type ServiceName,
  serviceProgram,
} from "../../deploy/local/services.ts";
import { MirrorClient } from "../../gateway/mirror/client.ts";
import { mintToken, type TokenClaims } from "../../services/common/auth/token.ts";
import { loadTls } from "../../services/common/realm/tls.ts";
import { type ClientClass, connectClient } from "../../services/common/rpc/client.ts";
import { BUSYBOX, DIND, type TestImage } from "../images/images.ts";
import { testFolder } from "./cleanup.ts";
import { startEngine, type TestEngine } from "./engine.ts";
import { freePorts } from "./ports.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import { TestService } from "./service.ts";

const TOKEN_TTL_MS = 3_600_000;

export interface PlatformOptions {
  /** Default: compute and the gateway. With `cluster` the gateway and compute are told of it. */
  services?: readonly ServiceName[];
  /** Images on the platform's engine. Default: busybox. */
  images?: readonly TestImage[];
  /** Default: dind where the engine has it, else busybox. */
  instanceImage?: string;
  /** Node image of clusters that name none. */
  nodeImage?: string;
  /** An engine or Redis to use instead of ones of its own; they are not stopped with it. */
  engine?: TestEngine;
  redis?: TestRedis;
  /** More settings (environment) of a service. */
  settings?: Partial<Record<ServiceName, Record<string, string>>>;
  hostName?: string;
}

export interface Platform extends AsyncDisposable {
  dataDir: string;
  hostName: string;
  engine: TestEngine;
  redis: TestRedis;
  /** `host:port` of each. */
  addresses: { compute: string; cluster: string; http: string; grpc: string };
  /** PEM. */
  ca: Buffer;
  services: Partial<Record<ServiceName, TestService>>;
  /** Of a realm admin. */
  adminToken: string;
  mint(claims: Omit<TokenClaims, "ttlMs"> & { ttlMs?: number }): Promise<string>;
  /** A client as users have it, through the one address. Calls need a token. */
  client<C extends Client>(Class: ClientClass<C>): C;
  /** A client as a process of the realm has it, straight to a service. */
  processClient<C extends Client>(Class: ClientClass<C>, service?: "compute" | "cluster"): C;
  mirror(name: string, token?: string): MirrorClient;
  /** kill -9. */
  kill(name: ServiceName): Promise<void>;
  /** After `kill` or `shutDown`; resolves when it is ready. */
  start(name: ServiceName): Promise<void>;
  /** SIGTERM, and waits for the end. */
  shutDown(name: ServiceName): Promise<void>;
  logs(name: ServiceName): Promise<string>;
  stop(): Promise<void>;
}

/** The real thing on free ports: its services and the gateway as processes, with a Redis and an engine of their own. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const closers: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).toReversed()) await close();
  };
  try {
    return await start(options, closers, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts a platform for `work` and stops it; when the work fails, what the services logged last is shown. */
export async function withPlatform(
  options: PlatformOptions,
  work: (platform: Platform) => Promise<void>,
): Promise<void> {
  await using platform = await startPlatform(options);
  try {
    await work(platform);
  } catch (error) {
    await showLogs(platform);
    throw error;
  }
}

async function start(
  options: PlatformOptions,
  closers: (() => unknown)[],
  stop: () => Promise<void>,
): Promise<Platform> {
  const folder = await testFolder("realm");
  closers.push(folder.remove);
  await mkdir(join(folder.path, "log"));
  const images = options.images ?? [BUSYBOX];
  const hostName = options.hostName ?? "host-a";
  const engine = options.engine ?? (await startEngine({ images }));
  if (!options.engine) closers.push(engine.stop);
  const redis = options.redis ?? (await startRedis());
  if (!options.redis) closers.push(redis.stop);

  const { realm } = await setUpRealm(folder.path, hostName);
  const names = options.services ?? (["compute", "gateway"] as const);
  const [compute, cluster, http, grpc, computeMetrics, clusterMetrics, gatewayMetrics] = (await freePorts(7)).map(
    (port) => `127.0.0.1:${port}`,
  ) as [string, string, string, string, string, string, string];
  const addresses = { compute, cluster: names.includes("cluster") ? cluster : "", http, grpc };
  const all = {
    ...addresses,
    redisUrl: redis.url,
    engineSocket: engine.socketPath,
    engineOwned: true,
    instanceImage: options.instanceImage ?? (images.includes(DIND) ? DIND : BUSYBOX),
    nodeImage: options.nodeImage,
    realmSubnet: engine.network.realmSubnet,
    clusterSubnets: engine.network.clusterSubnets,
  };
  const common = {
    dataDir: folder.path,
    hostName,
    logLevel: "debug",
    env: process.env,
    orphanSignal: "SIGKILL",
  } as const;
  const specs = {
    compute: serviceProgram("compute", {
      ...common,
      metricsListen: computeMetrics,
      settings: { ...computeSettings(all), ...options.settings?.compute },
    }),
    cluster: serviceProgram("cluster", {
      ...common,
      metricsListen: clusterMetrics,
      settings: { ...clusterSettings(all), ...options.settings?.cluster },
    }),
    gateway: serviceProgram("gateway", {
      ...common,
      metricsListen: gatewayMetrics,
      settings: { ...gatewaySettings({ ...all, tlsDir: join(folder.path, "tls") }), ...options.settings?.gateway },
    }),
  };
  const services: Partial<Record<ServiceName, TestService>> = {};
  for (const name of names) {
    const service = new TestService(specs[name]);
    services[name] = service;
    closers.push(() => service.shutDown());
    await service.start();
  }
  const service = (name: ServiceName): TestService => {
    const found = services[name];
    if (!found) throw new Error(`this platform has no ${name}`);
    return found;
  };

  const privateJwk = await readFile(realm.privateJwkPath, "utf8");
  const mint: Platform["mint"] = async (claims) =>
    (await mintToken(privateJwk, { ttlMs: TOKEN_TTL_MS, ...claims })).token;
  const adminToken = await mint({ subject: "admin", realmAdmin: true });
  const ca = await readFile(realm.caPath);
  const tls = loadTls({ dir: join(folder.path, "tls"), process: "gateway" });
  closers.push(() => tls.close());
  const connected = <C extends Client>(client: C): C => {
    closers.push(() => client.close());
    return client;
  };
  const platform: Platform = {
    dataDir: folder.path,
    hostName,
    engine,
    redis,
    addresses,
    ca,
    services,
    adminToken,
    mint,
    client: (Class) => connected(connectClient(Class, addresses.grpc, credentials.createSsl(ca))),
    processClient: (Class, service = "compute") =>
      connected(connectClient(Class, addresses[service], tls.channelCredentials())),
    mirror: (name, token = adminToken) => {
      const abort = new AbortController();
      closers.push(() => abort.abort());
      const url = gatewayUrl(addresses.http).replace(/^http/, "ws");
      return new MirrorClient({ url, mirror: name, token: () => token, ca, signal: abort.signal });
    },
    kill: (name) => service(name).kill(),
    start: (name) => service(name).start(),
    shutDown: (name) => service(name).shutDown(),
    logs: (name) => readFile(specs[name].logPath, "utf8"),
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return platform;
}

const LOG_LINES_SHOWN = 60;

async function showLogs(platform: Platform): Promise<void> {
  for (const name of Object.keys(platform.services) as ServiceName[]) {
    const lines = (await platform.logs(name)).trimEnd().split("\n").slice(-LOG_LINES_SHOWN);
    process.stderr.write(`--- last lines of ${name}'s log\n${lines.join("\n")}\n`);
  }
}
