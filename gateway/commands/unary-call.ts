import type { ClientUnaryCall } from "@grpc/grpc-js";
import { invalidArgument } from "../../services/common/errors/errors.ts";
import { callError } from "../../services/common/rpc/transport-error.ts";
import type { FrameId } from "../ws/error-frame.ts";
import { callMetadata } from "./call-metadata.ts";
import type { CommandFields } from "./frame-fields.ts";
import type { CommandContext, Running } from "./io.ts";
import type { Method } from "./methods.ts";
import { requestBytes } from "./request-bytes.ts";
import { routeOf } from "./router.ts";

const identity = (bytes: Buffer): Buffer => bytes;

/** One `call` frame: ends with one `reply` or `error` frame. */
export class UnaryCall implements Running {
  readonly #context: CommandContext;
  readonly #method: Method;
  readonly #id: FrameId;
  readonly #done: () => void;
  readonly #call: ClientUnaryCall;
  #destroyed = false;

  /** Throws GantryError when it cannot begin; `done` is called once it has ended. */
  constructor(context: CommandContext, fields: CommandFields, done: () => void) {
    const { options, limits } = context;
    this.#context = context;
    this.#method = context.methods.need(fields.method);
    this.#id = fields.id;
    this.#done = done;
    if (this.#method.kind !== "unary") {
      throw invalidArgument([{ field: "method", description: `${this.#method.name} is a stream: use \`open\`` }]);
    }
    const request = requestBytes(options.codec, this.#method, fields);
    const { service, client } = routeOf(options.router, this.#method, request);
    this.#call = client.makeUnaryRequest(
      this.#method.path,
      identity,
      identity,
      request,
      callMetadata(options),
      { deadline: Date.now() + (fields.deadlineMs ?? limits.defaultDeadlineMs) },
      (error, response) => {
        if (error) this.#fail(callError(error, service));
        else void this.#reply(response!);
      },
    );
  }

  /** The client gives it up: its `error` frame follows. */
  cancel(): void {
    this.#call.cancel();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#call.cancel();
  }

  async #reply(response: Buffer): Promise<void> {
    const { codec, decorateReply, send, log } = this.#context.options;
    let frame: object;
    try {
      const body = codec.toJson(this.#method.output.typeName, response);
      const extra = await decorateReply?.(this.#method.name, body).catch((err: unknown) => {
        log.warn({ err, method: this.#method.name }, "a reply goes out without its place in the mirror");
        return undefined;
      });
      frame = { t: "reply", id: this.#id, ...extra, body };
    } catch (error) {
      log.error({ err: error, method: this.#method.name }, "a response cannot be shown as JSON");
      return this.#fail(error);
    }
    this.#done();
    if (!this.#destroyed) send(frame);
  }

  #fail(error: unknown): void {
    this.#done();
    if (!this.#destroyed) this.#context.fail(this.#id, error);
  }
}
