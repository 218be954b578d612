import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  type ServiceError,
  type StatusObject,
  status as Code,
} from "@grpc/grpc-js";
import { type GantryError, invalidArgument, resourceExhausted } from "../../services/common/errors/errors.ts";
import { toGantryError } from "../../services/common/errors/status.ts";
import { callError } from "../../services/common/rpc/transport-error.ts";
import { type FrameId, statusJson } from "../ws/error-frame.ts";
import { callMetadata } from "./call-metadata.ts";
import type { CommandFields } from "./frame-fields.ts";
import type { CommandContext, Running } from "./io.ts";
import type { Method } from "./methods.ts";
import { encode, requestBytes } from "./request-bytes.ts";
import { routeOf } from "./router.ts";

type Reader = Pick<ClientReadableStream<Buffer>, "on" | "pause" | "resume" | "readableLength">;
type Writer = Pick<ClientWritableStream<Buffer>, "write" | "end">;

const NO_REQUEST = Buffer.alloc(0);
const identity = (bytes: Buffer): Buffer => bytes;

/**
 * One stream: begun by `open`, carries `data` both ways, ended by a `close` frame from the gateway with the call's status. A client that
 * streams into it may have `windowBytes` on the way; `ack` frames say how many of its `data` frames the service's connection has taken.
 */
export class StreamCall implements Running {
  readonly #context: CommandContext;
  readonly #method: Method;
  readonly #id: FrameId;
  readonly #service: string;
  readonly #done: () => void;
  readonly #cancel: () => void;
  #reader: Reader | undefined;
  #writer: Writer | undefined;
  #ended = false;
  #status: StatusObject | undefined;
  #unreadBytes = 0;
  #takenFrames = 0;
  #ackedFrames = 0;
  #unackedBytes = 0;

  /** Throws GantryError when it cannot begin; `done` is called once it has ended. */
  constructor(context: CommandContext, fields: CommandFields, done: () => void) {
    const { options } = context;
    this.#context = context;
    this.#method = context.methods.need(fields.method);
    this.#id = fields.id;
    this.#done = done;
    const { kind, name, path } = this.#method;
    if (kind === "unary") {
      throw invalidArgument([{ field: "method", description: `${name} is not a stream: use \`call\`` }]);
    }
    const hasFirst = kind === "server_streaming" || fields.body !== undefined;
    const first = hasFirst ? requestBytes(options.codec, this.#method, fields) : undefined;
    const { service, client } = routeOf(options.router, this.#method, first ?? NO_REQUEST);
    this.#service = service;
    const metadata = callMetadata(options);
    const callOptions = fields.deadlineMs === undefined ? {} : { deadline: Date.now() + fields.deadlineMs };

    if (kind === "server_streaming") {
      const call = client.makeServerStreamRequest(path, identity, identity, first!, metadata, callOptions);
      this.#cancel = () => call.cancel();
      this.#read(call);
    } else if (kind === "client_streaming") {
      const call = client.makeClientStreamRequest(path, identity, identity, metadata, callOptions, (error, response) =>
        this.#answered(error, response),
      );
      // What goes wrong is told to the callback; the stream repeats it as an event.
      call.on("error", () => undefined);
      this.#cancel = () => call.cancel();
      this.#writer = call;
    } else {
      const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
        path,
        identity,
        identity,
        metadata,
        callOptions,
      );
      this.#cancel = () => call.cancel();
      this.#writer = call;
      this.#read(call);
    }
    if (first !== undefined && this.#writer !== undefined) this.#write(first);
  }

  /** A `data` frame of the client. What cannot be read ends the stream: what follows it would make no sense. */
  data(body: unknown): void {
    if (this.#ended) return;
    if (this.#writer === undefined) {
      const { kind } = this.#method;
      const why = kind === "server_streaming" ? "the method reads one request alone" : "it was closed for sending";
      return this.#end(invalidArgument([{ field: "id", description: `no data can be sent into this stream: ${why}` }]));
    }
    let bytes: Buffer;
    try {
      bytes = encode(this.#context.options.codec, this.#method, (body ?? {}) as never);
    } catch (error) {
      return this.#end(this.#known(error));
    }
    this.#write(bytes);
  }

  /** A `close` frame of the client: no more data follows. A stream that only the service writes to is given up. */
  halfClose(): void {
    if (this.#writer !== undefined) {
      this.#writer.end();
      this.#writer = undefined;
    } else if (this.#method.kind === "server_streaming") this.#cancel();
  }

  /** The client gives it up: the closing frame follows when the call has ended. */
  cancel(): void {
    this.#cancel();
  }

  destroy(): void {
    this.#ended = true;
    this.#cancel();
  }

  /** The socket has room again. */
  resume(): void {
    if (!this.#ended) this.#reader?.resume();
  }

  #write(bytes: Buffer): void {
    const { windowBytes } = this.#context.limits;
    if (this.#unreadBytes > 0 && this.#unreadBytes + bytes.length > windowBytes) {
      return this.#end(
        resourceExhausted("windowBytes", `more than ${windowBytes} bytes were sent ahead of the service's reading`),
      );
    }
    // An empty message costs memory too.
    const sizeBytes = bytes.length + 1;
    this.#unreadBytes += sizeBytes;
    this.#writer!.write(bytes, () => this.#taken(sizeBytes));
  }

  #taken(sizeBytes: number): void {
    this.#unreadBytes -= sizeBytes;
    this.#unackedBytes += sizeBytes;
    this.#takenFrames++;
    if (this.#ended) return;
    if (this.#unreadBytes > 0 && this.#unackedBytes < this.#context.limits.windowBytes / 4) return;
    this.#unackedBytes = 0;
    this.#ackedFrames = this.#takenFrames;
    this.#context.options.send({ t: "ack", id: this.#id, n: this.#ackedFrames });
  }

  #read(call: Reader): void {
    this.#reader = call;
    call.on("data", (bytes: Buffer) => this.#received(bytes));
    // The status says the same, with its details.
    call.on("error", () => undefined);
    call.on("status", (status: StatusObject) => {
      this.#status = status;
      // Messages that came before it may still wait for the socket to drain.
      if (call.readableLength === 0) this.#endWithStatus();
    });
    call.on("end", () => this.#endWithStatus());
  }

  #received(bytes: Buffer): void {
    if (this.#ended) return;
    const { codec, log } = this.#context.options;
    let body: unknown;
    try {
      body = codec.toJson(this.#method.output.typeName, bytes);
    } catch (error) {
      log.error({ err: error, method: this.#method.name }, "a response cannot be shown as JSON");
      return this.#end(this.#known(error));
    }
    if (!this.#context.options.send({ t: "data", id: this.#id, body })) {
      this.#reader?.pause();
      this.#context.awaitDrain(this);
    }
  }

  /** The one response of a client stream. */
  #answered(error: ServiceError | null, response: Buffer | undefined): void {
    if (error !== null) return this.#end(callError(error, this.#service));
    this.#received(response!);
    this.#end();
  }

  #endWithStatus(): void {
    const status = this.#status;
    if (status === undefined) return;
    if (status.code === Code.OK) return this.#end();
    this.#end(callError(Object.assign(new Error(status.details), status), this.#service));
  }

  #end(error?: GantryError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#done();
    if (error !== undefined) this.#cancel();
    this.#context.options.send({
      t: "close",
      id: this.#id,
      status: error === undefined ? { code: 0 } : statusJson(error),
    });
  }

  #known(error: unknown): GantryError {
    const { log } = this.#context.options;
    return toGantryError(error, (err, errorId) =>
      log.error({ err, errorId, method: this.#method.name }, "a stream failed"),
    );
  }
}
