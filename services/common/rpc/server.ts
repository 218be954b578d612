import { Server, setLogger, type ServerCredentials, type ServerOptions, type ServiceDefinition } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { VerifyToken } from "../auth/token.ts";
import { formatHostPort, splitHostPort } from "../config/values.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Tls } from "../realm/tls.ts";
import { Health, type ServingStatus } from "./health.ts";
import { Limiter } from "./limiter.ts";
import { passThroughMethod } from "./pass-through.ts";
import { addReflection } from "./reflection.ts";
import { draining } from "./run-call.ts";
import { DEFAULT_LIMITS, type RpcLimits } from "./limits.ts";
import { BIND, type Bindable, type Runtime } from "./runtime.ts";

const KEEPALIVE_TIME_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
const STREAMS_PER_CONNECTION_MAX = 10_000;
const DRAIN_TIMEOUT_MS = 10_000;

export interface ServiceImplementation {
  definition: ServiceDefinition;
  /** One per method of the definition, all made by the wrappers. */
  handlers: object;
}

export interface GrpcServerOptions {
  /** `host:port`; port 0 for any free one. */
  listen: string;
  tls: Tls;
  /** For the address that users call: no client certificate is asked for, so every call needs a token. */
  users?: boolean;
  services: readonly ServiceImplementation[];
  verify: VerifyToken;
  log: Logger;
  metrics: Metrics;
  /** Aborts all calls and closes the server at once; `drain` is the gentle way. */
  signal: AbortSignal;
  limits?: Partial<RpcLimits>;
}

export interface GrpcServer {
  /** The port bound. */
  port: number;
  /** `host:port`. */
  address: string;
  setHealth(status: ServingStatus, service?: string): void;
  /** Not serving for health checks; long streams end UNAVAILABLE (DRAINING); unary calls may end in time. Resolves once closed. */
  drain(timeoutMs?: number): Promise<void>;
  /** At once. */
  close(): void;
}

export function serverOptions(limits: RpcLimits): ServerOptions {
  return {
    "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.max_concurrent_streams": STREAMS_PER_CONNECTION_MAX,
    "grpc.max_receive_message_length": limits.messageBytesMax,
    "grpc.max_send_message_length": limits.messageBytesMax,
    "grpc.enable_channelz": 0,
  };
}

/** Listens when it resolves. Rejects with one clear line when the address can't be had. */
export async function createGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const runtime: Runtime = {
    verify: options.verify,
    log: options.log,
    metrics: options.metrics.rpc,
    limits,
    limiter: new Limiter(limits.callsPerPrincipal),
    mutualTls: !options.users,
    active: new Set(),
    draining: false,
  };
  routeGrpcLog(options.log);
  const server = new Server(serverOptions(limits));
  const names = options.services.map((service) => addService(server, service, runtime));
  const health = new Health(names);
  health.addTo(server);
  addReflection(server, [...names, "grpc.health.v1.Health"]);

  const credentials = options.users ? options.tls.userServerCredentials() : options.tls.serverCredentials();
  const port = await bind(server, options.listen, credentials);
  const { host } = splitHostPort(options.listen);

  function close(): void {
    runtime.draining = true;
    for (const call of runtime.active) call.abort(draining());
    server.forceShutdown();
  }
  options.signal.addEventListener("abort", close, { once: true });
  if (options.signal.aborted) close();

  return {
    port,
    address: formatHostPort({ host, port }),
    setHealth: (status, service) => health.set(status, service),
    close,
    drain: (timeoutMs = DRAIN_TIMEOUT_MS) => {
      runtime.draining = true;
      health.set("NOT_SERVING");
      health.endWatches();
      for (const call of runtime.active) if (call.streaming) call.abort(draining());
      return shutDown(server, timeoutMs, close);
    },
  };
}

/** grpc-js writes to standard error by itself; what it says is of use only while looking for a fault. */
export function routeGrpcLog(log: Logger): void {
  const debug = (message?: unknown): void => log.debug({ component: "grpc-js" }, String(message));
  setLogger({ error: debug, info: debug, debug });
}

/** Lets what runs end; after `timeoutMs` calls `force`. */
export async function shutDown(server: Server, timeoutMs: number, force: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    force();
    resolve();
  }, timeoutMs);
  server.tryShutdown((error) => (error ? reject(error) : resolve()));
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
}

export function bind(server: Server, listen: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new Error(`cannot listen on ${listen}: ${reasonOf(error)}`));
    });
  });
}

function reasonOf(error: Error): string {
  if (error.message.includes("EADDRINUSE")) return "the address is in use by another process";
  if (error.message.includes("EADDRNOTAVAIL")) return "this machine has no such address";
  if (error.message.includes("EACCES")) return "the port needs more rights";
  return error.message;
}

/** Returns the service's full name. */
function addService(server: Server, { definition, handlers }: ServiceImplementation, runtime: Runtime): string {
  let serviceName = "";
  for (const [name, method] of Object.entries(definition)) {
    const handler = (handlers as Record<string, Partial<Bindable<() => void>>>)[name]?.[BIND];
    if (handler === undefined) throw new Error(`${method.path} has no handler made by the rpc wrappers`);
    serviceName = method.path.split("/")[1] as string;
    const encoded = passThroughMethod(method, (error) => {
      runtime.log.error({ err: error, method: method.path.slice(1) }, "a response could not be encoded");
    });
    server.addService({ [name]: encoded }, { [name]: handler(runtime, method.path) });
  }
  return serviceName;
}
