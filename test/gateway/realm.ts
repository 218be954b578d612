import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { MirrorClient, type MirrorClientOptions } from "../../gateway/mirror/client.ts";
import { OperationsService } from "../../proto/gen/google/longrunning/operations.ts";
import { ComputeServiceService } from "../../proto/gen/gantry/compute/v1/compute.ts";
import type { WatchRequest, WatchResponse } from "../../proto/gen/gantry/common/v1/watch.ts";
import { createTokenVerifier, mintToken, type TokenClaims } from "../../services/common/auth/token.ts";
import { operationKind } from "../../services/common/jobs/kind.ts";
import { getOperation } from "../../services/common/jobs/rpc/get-operation.ts";
import { waitOperation } from "../../services/common/jobs/rpc/wait-operation.ts";
import { createMetrics } from "../../services/common/metrics/metrics.ts";
import { createRealm, issueCertificate } from "../../services/common/realm/realm.ts";
import { loadTls } from "../../services/common/realm/tls.ts";
import { createGrpcServer, type GrpcServer } from "../../services/common/rpc/server.ts";
import { serverStream, unary } from "../../services/common/rpc/wrappers.ts";
import { openStore } from "../../services/common/store/store.ts";
import { ObservationHub, ObservationSet } from "../../services/common/watch/observations.ts";
import { serveWatch } from "../../services/common/watch/serve-watch.ts";
import { computeKinds } from "../../services/compute/kinds.ts";
import { startRedis } from "../support/redis.ts";
import { registerProcess, testFolder } from "../support/cleanup.ts";

const HOST = "h1";
const MAIN = fileURLToPath(new URL("../../gateway/main.ts", import.meta.url));
const READY_TIMEOUT_MS = 20_000;

/** A realm with a real Redis, a store, its Watch and operations over mutual TLS: what the gateway needs of `compute`. */
export async function startRealm() {
  const folder = await testFolder("gw");
  const dataDir = folder.path;
  const redis = await startRedis();
  const realm = await createRealm(dataDir);
  for (const process of ["compute", "gateway"]) await issueCertificate(realm, { process, host: HOST });
  const controller = new AbortController();
  const { signal } = controller;
  const log = pino({ level: "silent" });
  const kinds = [...computeKinds, operationKind];
  const store = await openStore({ service: "compute", host: HOST, redisUrl: redis.url, dataDir, kinds, log, signal });
  const docker = new ObservationSet({ origin: `docker/${HOST}` });
  docker.setStatus("live");
  const watch = serveWatch({ store, observations: new ObservationHub([docker]) });
  const others: GrpcServer[] = [];
  const tls = loadTls({ dir: join(dataDir, "tls"), process: "compute" });
  const verify = await createTokenVerifier({ keysPath: realm.publicJwkPath });
  const waitMaxMs = 10_000;
  let server: GrpcServer | undefined;
  let port = 0;

  /** Listens, at the same port as before. */
  async function startCompute(): Promise<void> {
    server = await createGrpcServer({
      listen: `127.0.0.1:${port}`,
      tls,
      verify,
      log,
      metrics: createMetrics("compute", { defaults: false }),
      signal,
      services: [
        {
          definition: { watch: ComputeServiceService.watch },
          handlers: {
            watch: serverStream<WatchRequest, WatchResponse>({
              access: () => ({ role: "viewer" }),
              handler: (request, call, sink) => watch(request, call, sink),
            }),
          },
        },
        {
          definition: { getOperation: OperationsService.getOperation, waitOperation: OperationsService.waitOperation },
          handlers: {
            getOperation: unary({
              access: () => ({ role: "viewer" }),
              handler: (request: { name: string }) => getOperation(store, request),
            }),
            waitOperation: unary({
              access: () => ({ role: "viewer" }),
              handler: (request: Parameters<typeof waitOperation>[1], call) =>
                waitOperation(store, request, { signal: call.signal, deadline: call.deadline, waitMaxMs }),
            }),
          },
        },
      ],
    });
    port = server.port;
  }
  /** The compute process of another host: it tells what `observed` holds. Resolves to its address. */
  async function startOtherHost(observed: ObservationSet): Promise<string> {
    const other = serveWatch({ store, observations: new ObservationHub([observed]) });
    const handler = serverStream<WatchRequest, WatchResponse>({
      access: () => ({ role: "viewer" }),
      handler: (request, call, sink) => other(request, call, sink),
    });
    const services = [{ definition: { watch: ComputeServiceService.watch }, handlers: { watch: handler } }];
    const metrics = createMetrics("compute", { defaults: false });
    others.push(await createGrpcServer({ listen: "127.0.0.1:0", tls, verify, log, metrics, signal, services }));
    return others.at(-1)!.address;
  }

  await startCompute();
  const privateJwk = await readFile(realm.privateJwkPath, "utf8");
  const gateways: GatewayProcess[] = [];
  const clients: MirrorClient[] = [];
  const token = async (claims: Partial<TokenClaims> = {}): Promise<string> =>
    (await mintToken(privateJwk, { subject: "ann", roles: { default: "viewer" }, ttlMs: 600_000, ...claims })).token;
  return {
    dataDir,
    realm,
    redis,
    store,
    docker,
    token,
    startCompute,
    startOtherHost,
    stopCompute: () => server!.close(),
    /** The real process. */
    async startGateway(env: Record<string, string> = {}): Promise<GatewayProcess> {
      const gateway = await startGatewayProcess({
        GANTRY_HOST_NAME: HOST,
        GANTRY_DATA_DIR: dataDir,
        GANTRY_METRICS_LISTEN: "127.0.0.1:0",
        GANTRY_HTTP_LISTEN: "127.0.0.1:0",
        GANTRY_GRPC_LISTEN: "127.0.0.1:0",
        GANTRY_SERVICES: `compute=127.0.0.1:${port}`,
        ...env,
      });
      gateways.push(gateway);
      return gateway;
    },
    client(
      gateway: GatewayProcess,
      options: Partial<MirrorClientOptions> = {},
      claims: Partial<TokenClaims> = {},
    ): MirrorClient {
      const url = `${gateway.ready.secure ? "wss" : "ws"}://${gateway.ready.http}`;
      const client = new MirrorClient({ url, mirror: "projects/default", token: () => token(claims), ...options });
      clients.push(client);
      return client;
    },
    async stop(): Promise<void> {
      for (const client of clients) client.close();
      for (const gateway of gateways) await gateway.kill();
      server?.close();
      tls.close();
      controller.abort();
      await store.close();
      await redis.stop();
      await folder.remove();
    },
  };
}

export type TestRealm = Awaited<ReturnType<typeof startRealm>>;

export interface GatewayProcess {
  readonly process: ChildProcess;
  readonly ready: { http: string; grpc: string; secure: boolean };
  readonly lines: string[];
  /** SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export async function startGatewayProcess(env: Record<string, string>): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ["ignore", "pipe", "pipe"] });
  const registered = registerProcess(child.pid!);
  const lines: string[] = [];
  const ready = Promise.withResolvers<GatewayProcess["ready"]>();
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const timer = setTimeout(() => ready.reject(new Error(`not ready:\n${lines.join("\n")}`)), READY_TIMEOUT_MS);
  const take = (line: string): void => {
    lines.push(line);
    if (!line.startsWith("{")) return;
    const entry = JSON.parse(line) as { msg: string } & GatewayProcess["ready"];
    if (entry.msg === "ready") ready.resolve(entry);
  };
  createInterface({ input: child.stdout }).on("line", take);
  createInterface({ input: child.stderr }).on("line", take);
  void exited.then((code) => {
    registered.forget();
    ready.reject(new Error(`exit ${code}:\n${lines.join("\n")}`));
  });
  try {
    const address = await ready.promise;
    return {
      process: child,
      ready: address,
      lines,
      stop() {
        child.kill("SIGTERM");
        return exited;
      },
      async kill() {
        child.kill("SIGKILL");
        await exited;
      },
    };
  } finally {
    clearTimeout(timer);
  }
}
