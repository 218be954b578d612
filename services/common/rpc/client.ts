import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { cancelled, GantryError } from "../errors/errors.ts";
import { fromServiceError } from "../errors/status.ts";
import { DEFAULT_LIMITS } from "./limits.ts";

const KEEPALIVE_TIME_MS = 20_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** A service that was restarted is found again within a second or two. */
const RECONNECT_BACKOFF_MIN_MS = 100;
const RECONNECT_BACKOFF_MAX_MS = 2_000;
const UNARY_TIMEOUT_MS = 60_000;
const LOOPBACK = /^(127(\.\d+){3}|\[::1\]):/;

export type ClientClass<C extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: ChannelOptions,
) => C;

export interface ConnectOptions {
  /**
   * Name that the server's certificate must carry, where the address itself is not in it: the process (`compute`) or the host's id.
   * Default: host of the address.
   */
  serverName?: string;
  /** Largest message, either way. Default: 4 MiB. */
  messageBytesMax?: number;
}

export function channelOptions(address: string, options: ConnectOptions = {}): ChannelOptions {
  // TLS has no server names that are addresses; every certificate of the realm is good for `localhost`.
  const serverName = options.serverName ?? (LOOPBACK.test(address) ? "localhost" : undefined);
  return {
    "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.max_receive_message_length": options.messageBytesMax ?? DEFAULT_LIMITS.messageBytesMax,
    "grpc.max_send_message_length": options.messageBytesMax ?? DEFAULT_LIMITS.messageBytesMax,
    "grpc.initial_reconnect_backoff_ms": RECONNECT_BACKOFF_MIN_MS,
    "grpc.max_reconnect_backoff_ms": RECONNECT_BACKOFF_MAX_MS,
    "grpc.enable_channelz": 0,
    ...(serverName === undefined ? {} : { "grpc.ssl_target_name_override": serverName }),
  };
}

/** Connects at the first call and again whenever the connection is lost. Close with `client.close()`. */
export function connectClient<C extends Client>(
  Class: ClientClass<C>,
  address: string,
  credentials: ChannelCredentials,
  options: ConnectOptions = {},
): C {
  return new Class(address, credentials, channelOptions(address, options));
}

export interface CallSettings {
  /** Bearer token of the user; without one the process's certificate speaks. */
  token?: string | undefined;
  /** Default: 60 s for `call`, none for `stream`. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  metadata?: Metadata;
}

type UnaryFn<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => ClientUnaryCall;
type StreamFn<Req, Res> = (
  request: Req,
  metadata?: Metadata,
  options?: Partial<CallOptions>,
) => ClientReadableStream<Res>;

// A readable stream has all that a unary call has, so streams must be told apart first.
type RequestOf<F> = F extends StreamFn<infer Req, infer _> ? Req : F extends UnaryFn<infer Req, infer _> ? Req : never;
type ResponseOf<F> = F extends StreamFn<infer _, infer Res> ? Res : F extends UnaryFn<infer _, infer Res> ? Res : never;
type StreamMethod<C> = { [K in keyof C]: C[K] extends StreamFn<infer _Req, infer _Res> ? K : never }[keyof C];
type UnaryMethod<C> = Exclude<
  { [K in keyof C]: C[K] extends UnaryFn<infer _Req, infer _Res> ? K : never }[keyof C],
  StreamMethod<C>
>;

/** A unary call. Throws GantryError. */
export function call<C extends Client, M extends UnaryMethod<C> & string>(
  client: C,
  method: M,
  request: RequestOf<C[M]>,
  settings: CallSettings = {},
): Promise<ResponseOf<C[M]>> {
  type Req = RequestOf<C[M]>;
  type Res = ResponseOf<C[M]>;
  const { signal } = settings;
  return new Promise<Res>((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal));
    const open = (client as unknown as Record<M, UnaryFn<Req, Res>>)[method].bind(client);
    const options = { deadline: Date.now() + (settings.timeoutMs ?? UNARY_TIMEOUT_MS) };
    const running = open(request, metadataOf(settings), options, (error, response) => {
      signal?.removeEventListener("abort", onAbort);
      if (error === null) resolve(response);
      else reject(signal?.aborted ? abortError(signal) : fromServiceError(error));
    });
    const onAbort = (): void => running.cancel();
    signal?.addEventListener("abort", onAbort, { once: true });
    return undefined;
  });
}

/** A server stream; leaving the loop cancels it. Throws GantryError. Reads no faster than the loop. */
export async function* stream<C extends Client, M extends StreamMethod<C> & string>(
  client: C,
  method: M,
  request: RequestOf<C[M]>,
  settings: CallSettings = {},
): AsyncGenerator<ResponseOf<C[M]>, void, undefined> {
  type Req = RequestOf<C[M]>;
  type Res = ResponseOf<C[M]>;
  const { signal, timeoutMs } = settings;
  if (signal?.aborted) throw abortError(signal);
  const open = (client as unknown as Record<M, StreamFn<Req, Res>>)[method].bind(client);
  const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
  const running = open(request, metadataOf(settings), options);
  // Cancelling makes an error that nobody waits for any more.
  running.on("error", () => undefined);
  const onAbort = (): void => running.cancel();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    for await (const message of running) yield message as Res;
  } catch (error) {
    throw signal?.aborted ? abortError(signal) : fromServiceError(error);
  } finally {
    signal?.removeEventListener("abort", onAbort);
    running.cancel();
  }
}

export function metadataOf(settings: Pick<CallSettings, "token" | "metadata">): Metadata {
  const metadata = settings.metadata?.clone() ?? new Metadata();
  if (settings.token !== undefined) metadata.set("authorization", `Bearer ${settings.token}`);
  return metadata;
}

export function abortError(signal: AbortSignal): GantryError {
  return signal.reason instanceof GantryError ? signal.reason : cancelled("the call was given up");
}
