import {
  type CallOptions,
  type ChannelCredentials,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials as grpcCredentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type { ClusterServiceClient } from "../../proto/gen/gantry/cluster/v1/service.ts";
import { ComputeServiceClient } from "../../proto/gen/gantry/compute/v1/compute.ts";
import {
  type ListOperationsRequest,
  type ListOperationsResponse,
  OperationsClient,
} from "../../proto/gen/google/longrunning/operations.ts";
import type { WatchRequest, WatchResponse } from "../../proto/gen/gantry/common/v1/watch.ts";
import { fromServiceError } from "../../services/common/errors/status.ts";
import { channelOptions } from "../../services/common/rpc/client.ts";
import { SERVICE_KEY } from "../../services/common/rpc/proxy/routes.ts";
import { caOf, type Context } from "./config/contexts.ts";

/** A page of large resources fits. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

type UnaryMethod<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => ClientUnaryCall;

/** The realm as the command sees it: typed clients over TLS, with the caller's token. */
export class Connection {
  readonly compute: ComputeServiceClient;
  readonly operations: OperationsClient;
  readonly context: Context;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;
  readonly #credentials: ChannelCredentials;
  readonly #options: ClientOptions;
  #cluster: Promise<ClusterServiceClient> | undefined;

  constructor(context: Context, timeoutMs: number, signal: AbortSignal) {
    const credentials = grpcCredentials.createSsl(caOf(context));
    const options = {
      // What answers must be a gateway of the realm, by whatever address it is reached.
      ...channelOptions(context.address, { serverName: "gateway", messageBytesMax: MESSAGE_BYTES_MAX }),
      // A command lives shortly: rather a clear "no answer" than a long silence.
      "grpc.enable_retries": 0,
    };
    this.context = context;
    this.compute = new ComputeServiceClient(context.address, credentials, options);
    this.operations = new OperationsClient(context.address, credentials, options);
    this.#credentials = credentials;
    this.#options = options;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
  }

  /** Loaded at the first use: commands that have to do with clusters are few, and their messages many. */
  cluster(): Promise<ClusterServiceClient> {
    this.#cluster ??= import("../../proto/gen/gantry/cluster/v1/service.ts").then(
      ({ ClusterServiceClient }) => new ClusterServiceClient(this.context.address, this.#credentials, this.#options),
    );
    return this.#cluster;
  }

  /** The Watch of a service. */
  async watch(service: string, request: WatchRequest): Promise<ClientReadableStream<WatchResponse>> {
    const client = service === "cluster" ? await this.cluster() : this.compute;
    return client.watch(request, this.metadata());
  }

  metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${this.context.token}`);
    return metadata;
  }

  /** One page of the operations of one service: each answers for its own. */
  listOperations(service: string, request: ListOperationsRequest): Promise<ListOperationsResponse> {
    const metadata = this.metadata();
    metadata.set(SERVICE_KEY, service);
    return this.call(this.operations, this.operations.listOperations, request, this.#timeoutMs, metadata);
  }

  /** One unary call, bounded by the command's timeout; throws GantryError. */
  call<Req, Res>(
    client: object,
    method: UnaryMethod<Req, Res>,
    request: Req,
    timeoutMs = this.#timeoutMs,
    metadata = this.metadata(),
  ): Promise<Res> {
    return new Promise((resolve, reject) => {
      const call = method.call(client, request, metadata, { deadline: Date.now() + timeoutMs }, (error, response) => {
        this.#signal.removeEventListener("abort", cancel);
        if (error) reject(fromServiceError(error));
        else resolve(response);
      });
      const cancel = () => call.cancel();
      this.#signal.addEventListener("abort", cancel);
    });
  }

  close(): void {
    this.compute.close();
    this.operations.close();
    void this.#cluster?.then((client) => client.close());
  }
}
