import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type MethodDefinition,
  type ServiceError,
  status as Code,
} from "@grpc/grpc-js";
import { ComputeServiceService } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { OperationsService } from "../../../proto/gen/google/longrunning/operations.ts";
import { channelOptions, metadataOf } from "../../../services/common/rpc/client.ts";

type AnyMethod = MethodDefinition<never, never>;

/** Every method of compute's services. */
export const METHODS: readonly AnyMethod[] = [
  ...Object.values(ComputeServiceService),
  ...Object.values(OperationsService),
] as unknown as AnyMethod[];

export function shortName({ path }: { path: string }): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export interface RawAnswer {
  code: Code;
  /** Name of the code. */
  codeName: string;
  message: string;
  /** Encoded messages that came before the end; of an endless stream those of the first moment. */
  messages: Buffer[];
  /** Everything that the caller was told, as bytes. */
  all: Buffer;
}

export interface RawCallOptions {
  token?: string | undefined;
  timeoutMs?: number;
}

const pass = (bytes: Buffer): Buffer => bytes;

/** A connection that sends what it is given, whatever the method takes. */
export class RawCaller {
  readonly client: Client;

  constructor(address: string, credentials: ChannelCredentials, options: Record<string, number> = {}) {
    this.client = new Client(address, credentials, {
      ...channelOptions(address),
      "grpc.max_send_message_length": -1,
      "grpc.max_receive_message_length": -1,
      ...options,
    });
  }

  /** Sends the messages and ends; an answer that does not end by itself is cut off at the time limit and counts as CANCELLED. */
  call(method: AnyMethod, messages: readonly Buffer[], options: RawCallOptions = {}): Promise<RawAnswer> {
    const { promise, resolve } = Promise.withResolvers<RawAnswer>();
    const received: Buffer[] = [];
    const end = (error: ServiceError | undefined): void => {
      clearTimeout(timer);
      const code = error?.code ?? Code.OK;
      const details = (error?.metadata.get("grpc-status-details-bin") ?? []).map((each) => Buffer.from(each));
      const message = error?.details ?? "";
      const all = Buffer.concat([Buffer.from(message), ...details, ...received]);
      resolve({ code, codeName: Code[code], message, messages: received, all });
    };
    const running = this.#open(method, options);
    const timer = setTimeout(() => running.cancel(), options.timeoutMs ?? 5_000);
    running.on("error", (error: ServiceError) => end(error));
    running.on("data", (message: Buffer) => received.push(message));
    running.on("end", () => undefined);
    running.on("status", ({ code }: { code: Code }) => {
      if (code === Code.OK) end(undefined);
    });
    for (const message of messages) running.write(message);
    running.end();
    return promise;
  }

  /** A call that stays open until it is cancelled. `refused` resolves with the code when it ends. */
  hold(method: AnyMethod, message: Buffer, token?: string): { cancel(): void; ended: Promise<Code> } {
    const running = this.#open(method, { token });
    const { promise: ended, resolve } = Promise.withResolvers<Code>();
    running.on("error", (error: ServiceError) => resolve(error.code));
    running.on("data", () => undefined);
    running.on("status", ({ code }: { code: Code }) => {
      if (code === Code.OK) resolve(code);
    });
    running.write(message);
    running.end();
    return { ended, cancel: () => running.cancel() };
  }

  close(): void {
    this.client.close();
  }

  /** Of the wire all four shapes are one: messages up, messages down. */
  #open(method: AnyMethod, { token }: RawCallOptions): ClientDuplexStream<Buffer, Buffer> {
    const metadata = metadataOf(token === undefined ? {} : { token });
    return this.client.makeBidiStreamRequest(method.path, pass, pass, metadata);
  }
}
