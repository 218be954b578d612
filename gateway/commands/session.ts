import { type GantryError, resourceExhausted } from "../../services/common/errors/errors.ts";
import { toGantryError } from "../../services/common/errors/status.ts";
import type { CommandSession, CreateCommands } from "../ws/commands.ts";
import { type FrameId, errorFrame } from "../ws/error-frame.ts";
import { frameId } from "../ws/fields.ts";
import type { ClientFrame } from "../ws/parse-frame.ts";
import { commandFields, idInUse } from "./frame-fields.ts";
import type { CommandContext, CommandOptions, Drainable, Running } from "./io.ts";
import { COMMAND_LIMITS, type CommandLimits } from "./limits.ts";
import { Methods } from "./methods.ts";
import { StreamCall } from "./stream-call.ts";
import { UnaryCall } from "./unary-call.ts";

/** The calls and streams of one WebSocket. Frames: `call`, `open`, `data`, `close`; others are ignored. `handle` never throws. */
export function createCommandSession(options: CommandOptions): CommandSession {
  return new Commands(options, new Methods(options.codec.registry));
}

/** For the socket server: one session per socket, over the same connections. */
export function commandFactory(shared: Pick<CommandOptions, "router" | "codec" | "limits">): CreateCommands {
  const methods = new Methods(shared.codec.registry);
  return (io) =>
    new Commands(
      {
        ...shared,
        log: io.log,
        peer: io.peer,
        token: () => io.token(),
        send: (frame) => io.send(frame),
        onDrain: (callback) => io.onDrain(callback),
        decorateReply: (method, body) => io.decorateReply(method, body),
      },
      methods,
    );
}

class Commands implements CommandSession, CommandContext {
  readonly options: CommandOptions;
  readonly limits: CommandLimits;
  readonly methods: Methods;
  destroyed = false;
  readonly #calls = new Map<FrameId, UnaryCall>();
  readonly #streams = new Map<FrameId, StreamCall>();
  readonly #paused = new Set<Drainable>();

  constructor(options: CommandOptions, methods: Methods) {
    this.options = options;
    this.limits = { ...COMMAND_LIMITS, ...options.limits };
    this.methods = methods;
  }

  handle(frame: ClientFrame): void {
    if (this.destroyed) return;
    try {
      this.#handle(frame);
    } catch (error) {
      this.fail(frameId(frame), error);
    }
  }

  destroy(): void {
    this.destroyed = true;
    const running: Running[] = [...this.#calls.values(), ...this.#streams.values()];
    this.#calls.clear();
    this.#streams.clear();
    this.#paused.clear();
    for (const each of running) each.destroy();
  }

  fail(id: FrameId | undefined, error: unknown): void {
    const known = toGantryError(error, (err, errorId) => this.options.log.error({ err, errorId }, "a command failed"));
    this.options.send(errorFrame(id, known));
  }

  awaitDrain(stream: Drainable): void {
    this.#paused.add(stream);
    if (this.#paused.size > 1) return;
    this.options.onDrain(() => {
      const waiting = [...this.#paused];
      this.#paused.clear();
      for (const each of waiting) each.resume();
    });
  }

  #handle(frame: ClientFrame): void {
    switch (frame.t) {
      case "call":
        return this.#call(frame);
      case "open":
        return this.#open(frame);
      case "data":
        return this.#stream(frame)?.data(frame["body"]);
      case "close":
        return this.#close(frame);
    }
  }

  #call(frame: ClientFrame): void {
    const fields = commandFields(frame, this.limits.maxDeadlineMs);
    this.#checkRoom(fields.id, this.#calls.size, "callsMax", this.limits.callsMax);
    const call = new UnaryCall(this, fields, () => this.#calls.delete(fields.id));
    this.#calls.set(fields.id, call);
  }

  #open(frame: ClientFrame): void {
    const fields = commandFields(frame, this.limits.maxDeadlineMs);
    this.#checkRoom(fields.id, this.#streams.size, "streamsMax", this.limits.streamsMax);
    const stream = new StreamCall(this, fields, () => {
      this.#streams.delete(fields.id);
      this.#paused.delete(stream);
    });
    this.#streams.set(fields.id, stream);
  }

  /** `{cancel: true}` gives up a call or stream; otherwise the client has sent all its data. */
  #close(frame: ClientFrame): void {
    const stream = this.#stream(frame);
    if (frame["cancel"] !== true) return stream?.halfClose();
    if (stream !== undefined) return stream.cancel();
    const id = frameId(frame);
    if (id !== undefined) this.#calls.get(id)?.cancel();
  }

  /** Undefined for one that has ended: what the client sent meanwhile is not wrong. */
  #stream(frame: ClientFrame): StreamCall | undefined {
    const id = frameId(frame);
    return id === undefined ? undefined : this.#streams.get(id);
  }

  #checkRoom(id: FrameId, count: number, limit: keyof CommandLimits, max: number): void {
    if (this.#calls.has(id) || this.#streams.has(id)) throw idInUse(id);
    if (count >= max) throw full(limit, max);
  }
}

function full(limit: keyof CommandLimits, max: number): GantryError {
  return resourceExhausted(limit, `this connection has ${max} of these under way already: wait for one to end`);
}
