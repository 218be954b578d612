import {
  type CallOptions,
  type ClientUnaryCall,
  credentials as grpcCredentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { ComputeServiceClient } from "../../proto/gen/gantry/compute/v1/compute.ts";
import { OperationsClient } from "../../proto/gen/google/longrunning/operations.ts";
import { fromServiceError } from "../../services/common/errors/status.ts";
import { channelOptions } from "../../services/common/rpc/client.ts";
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
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
  }

  metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${this.context.token}`);
    return metadata;
  }

  /** One unary call, bounded by the command's timeout; throws GantryError. */
  call<Req, Res>(
    client: object,
    method: UnaryMethod<Req, Res>,
    request: Req,
    timeoutMs = this.#timeoutMs,
  ): Promise<Res> {
    return new Promise((resolve, reject) => {
      const call = method.call(
        client,
        request,
        this.metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          this.#signal.removeEventListener("abort", cancel);
          if (error) reject(fromServiceError(error));
          else resolve(response);
        },
      );
      const cancel = () => call.cancel();
      this.#signal.addEventListener("abort", cancel);
    });
  }

  close(): void {
    this.compute.close();
    this.operations.close();
  }
}
