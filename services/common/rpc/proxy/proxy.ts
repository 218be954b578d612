import { type Client, Server, type StatusObject, status as Code } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Principal } from "../../auth/principal.ts";
import type { VerifyToken } from "../../auth/token.ts";
import { formatHostPort, splitHostPort } from "../../config/values.ts";
import { cancelled, deadlineExceeded, type GantryError, invalidArgument } from "../../errors/errors.ts";
import { codeName, toGantryError, toStatus } from "../../errors/status.ts";
import { SampledLog } from "../../log/sampled-log.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import type { Tls } from "../../realm/tls.ts";
import { authenticate, PEER_KEY } from "../authenticate.ts";
import { methodPaths, readDescriptors } from "../descriptors.ts";
import { checkHealth, Health } from "../health.ts";
import { Limiter } from "../limiter.ts";
import { asBuffer } from "../pass-through.ts";
import { addReflection } from "../reflection.ts";
import { draining, TIMER_SLACK_MS } from "../run-call.ts";
import { DEFAULT_LIMITS, type RpcLimits } from "../limits.ts";
import { bind, type GrpcServer, routeGrpcLog, serverOptions, shutDown } from "../server.ts";
import { fromTransport } from "../transport-error.ts";
import { type DownStream, finish, pump } from "./pump.ts";
import { connectRaw, forwardedMetadata, openRaw, type RawStream } from "./raw.ts";
import { noSuchService, OPERATIONS_SERVICE, SERVICE_KEY, serviceOfOperation, serviceOfPackage } from "./routes.ts";

const DRAIN_TIMEOUT_MS = 10_000;

export interface ProxyOptions {
  /** `host:port` that users call. */
  listen: string;
  tls: Tls;
  /** Address of each service, `compute` => `127.0.0.1:9611`. */
  services: ReadonlyMap<string, string>;
  verify: VerifyToken;
  log: Logger;
  metrics: Metrics;
  signal: AbortSignal;
  limits?: Partial<RpcLimits>;
}

interface CallOptions extends ProxyOptions {
  /** Of calls without a valid token. */
  refused: SampledLog;
}

interface Backend {
  service: string;
  address: string;
  client: Client;
}

/**
 * One address for all services. Calls are passed on as bytes, whatever their messages: nothing is decoded but the name of an operation. The
 * token is checked here, so that no call without one ever travels under the gateway's certificate, and again by the service.
 */
export async function createProxy(options: ProxyOptions): Promise<GrpcServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const limiter = new Limiter(limits.callsPerPrincipal);
  const refused = new SampledLog(options.log);
  const credentials = options.tls.channelCredentials();
  const backends = new Map<string, Backend>();
  for (const [service, address] of options.services) {
    const client = connectRaw(address, credentials, {
      serverName: service,
      messageBytesMax: limits.messageBytesMax,
    });
    backends.set(service, { service, address, client });
  }
  routeGrpcLog(options.log);
  const server = new Server(serverOptions(limits));
  const active = new Map<Call, boolean>();
  let refusing = false;

  const paths = methodPaths(readDescriptors()).filter(({ service }) => {
    return service === OPERATIONS_SERVICE || serviceOfPackage(service) !== undefined;
  });
  for (const { service, path, streaming } of paths) {
    const handle = (down: DownStream): void => {
      const call = new Call(down, path, { ...options, refused }, limiter);
      active.set(call, streaming);
      void call.run(refusing, (first) => pick(service, path, down, first)).finally(() => active.delete(call));
    };
    server.register(path, handle, asBuffer, (bytes: Buffer) => bytes, "bidi");
  }

  function pick(fullName: string, path: string, down: DownStream, first: Buffer | undefined): Backend {
    const asked = down.metadata.get(SERVICE_KEY)[0];
    const service =
      fullName === OPERATIONS_SERVICE
        ? serviceOfOperation(first ?? Buffer.alloc(0), path, typeof asked === "string" ? asked : undefined)
        : (serviceOfPackage(fullName) as string);
    const backend = backends.get(service);
    if (backend === undefined) throw noSuchService(service, [...backends.keys()]);
    return backend;
  }

  const routed = new Set(paths.filter(({ service }) => isRouted(service, backends)).map(({ service }) => service));
  // Of the services behind this address the state is theirs, asked for at each check.
  const health = new Health([], async (service) => {
    const backend = routed.has(service) ? backends.get(serviceOfPackage(service) ?? "") : undefined;
    return backend && checkHealth(backend.client, service);
  });
  health.addTo(server);
  addReflection(server, [...routed, "grpc.health.v1.Health"]);
  const port = await bind(server, options.listen, options.tls.userServerCredentials());
  const { host } = splitHostPort(options.listen);

  function close(): void {
    refusing = true;
    for (const call of active.keys()) call.abort(draining());
    server.forceShutdown();
    for (const { client } of backends.values()) client.close();
  }
  options.signal.addEventListener("abort", close, { once: true });
  if (options.signal.aborted) close();
  return {
    port,
    address: formatHostPort({ host, port }),
    setHealth: (status, service) => health.set(status, service),
    close,
    async drain(timeoutMs = DRAIN_TIMEOUT_MS) {
      refusing = true;
      health.set("NOT_SERVING");
      health.endWatches();
      for (const [call, streaming] of active) if (streaming) call.abort(draining());
      await shutDown(server, timeoutMs, close);
      for (const { client } of backends.values()) client.close();
    },
  };
}

function isRouted(fullName: string, backends: ReadonlyMap<string, Backend>): boolean {
  const service = serviceOfPackage(fullName);
  return service === undefined || backends.has(service);
}

class Call {
  readonly #down: DownStream;
  readonly #path: string;
  readonly #options: CallOptions;
  readonly #limiter: Limiter;
  readonly #done = Promise.withResolvers<StatusObject | GantryError>();
  #up: RawStream | undefined;
  #over = false;

  constructor(down: DownStream, path: string, options: CallOptions, limiter: Limiter) {
    this.#down = down;
    this.#path = path;
    this.#options = options;
    this.#limiter = limiter;
    const deadline = Number(down.getDeadline());
    down.on("cancelled", () => {
      // grpc-js says this too after the status of a call was sent.
      if (this.#over) return;
      const late = Date.now() + TIMER_SLACK_MS >= deadline;
      this.#end(late ? deadlineExceeded("the deadline has passed") : cancelled("the client cancelled the call"));
    });
  }

  /** Ends the call with an error of ours. */
  abort(reason: GantryError): void {
    this.#end(reason);
  }

  /** Resolves when the call is over. Never rejects. */
  async run(refuse: boolean, pick: (first: Buffer | undefined) => Backend): Promise<void> {
    const startMs = performance.now();
    const { log, metrics } = this.#options;
    const label = { method: this.#path.slice(1) };
    let principal: Principal | undefined;
    let release: (() => void) | undefined;
    metrics.rpc.active.inc(label);
    try {
      if (refuse) throw draining();
      principal = await this.#authenticate();
      release = this.#limiter.acquire(principal.subject);
      const first = this.#path.startsWith(`/${OPERATIONS_SERVICE}/`) ? await this.#first() : undefined;
      if (!this.#over) this.#forward(pick(first), first);
    } catch (error) {
      this.#end(
        toGantryError(error, (unknown, errorId) => {
          log.error({ err: unknown, errorId, ...label }, "unknown error in a forwarded call");
        }),
      );
    }
    const outcome = await this.#done.promise;
    release?.();
    const code = codeName(outcome.code);
    const ms = performance.now() - startMs;
    metrics.rpc.active.dec(label);
    metrics.rpc.calls.inc({ ...label, code });
    metrics.rpc.seconds.observe({ ...label, code }, ms / 1000);
    const line = { ...label, subject: principal?.subject ?? "", peer: this.#down.getPeer(), code, ms };
    // The service never sees these, so this is the only trace of them.
    if (outcome.code === Code.UNAUTHENTICATED) this.#options.refused.info({ ...line, audit: true }, "call refused");
    else log.debug(line, "forwarded call");
  }

  async #authenticate(): Promise<Principal> {
    // What a client says about itself counts for nothing.
    this.#down.metadata.remove(PEER_KEY);
    return authenticate(this.#down, this.#options.verify);
  }

  #first(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#down.once("data", (message: Buffer) => {
        this.#down.pause();
        resolve(message);
      });
      this.#down.once("end", () =>
        reject(invalidArgument([{ field: "name", description: "the call had no message" }])),
      );
      void this.#done.promise.then(() => reject(cancelled("the call is over")));
    });
  }

  #forward(backend: Backend, first: Buffer | undefined): void {
    const metadata = forwardedMetadata(this.#down.metadata, this.#down.getPeer());
    const up = openRaw(backend.client, this.#path, metadata, Number(this.#down.getDeadline()));
    this.#up = up;
    if (first !== undefined) up.write(first);
    pump(this.#down, up, (status) => {
      const { service, address } = backend;
      const lost = fromTransport(service, status);
      // Callers are told the service's name alone.
      if (lost) this.#options.log.debug({ service, address, details: status.details }, "call lost on its way");
      this.#end(lost ?? status);
    });
    if (this.#down.isPaused()) this.#down.resume();
  }

  #end(outcome: StatusObject | GantryError): void {
    if (this.#over) return;
    this.#over = true;
    if (outcome instanceof Error) {
      this.#up?.cancel();
      const { code, details, metadata } = toStatus(outcome, () => undefined);
      finish(this.#down, { code, details, metadata });
    } else finish(this.#down, outcome);
    this.#done.resolve(outcome);
  }
}
