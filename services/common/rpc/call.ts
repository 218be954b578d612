import type { Metadata } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Access, Principal } from "../auth/principal.ts";

/** What a handler is told of its call. */
export interface CallContext {
  readonly principal: Principal;
  /** Aborts when the client cancels or is gone, at the deadline, when the token expires and when the process stops. Its reason is a GantryError. */
  readonly signal: AbortSignal;
  /** Epoch ms; Infinity when there is none. */
  readonly deadline: number;
  /** Carries the call's id, method and subject. */
  readonly log: Logger;
  /** As received. Holds the token: never log it. */
  readonly metadata: Metadata;
  /** Address of the client, `ip:port`; behind the one address that of the user, not of the gateway. */
  readonly peer: string;
  /** Full path, `/gantry.compute.v1.ComputeService/GetInstance`. */
  readonly method: string;
}

/** Where a stream's responses go. */
export interface Sink<Res> {
  /** Resolves when the next may be written; rejects with the signal's reason once the call has ended. */
  write(message: Res): Promise<void>;
  /** As write, for a message that is encoded already. */
  writeRaw(bytes: Uint8Array): Promise<void>;
}

interface Common {
  /** What the audit line names. Default: the request's `name`, `parent` or its resource's name. */
  target?: (request: never) => string;
}

export interface UnaryOptions<Req, Res> extends Common {
  access: (request: Req) => Access;
  handler: (request: Req, ctx: CallContext) => Promise<Res>;
}

export interface ServerStreamOptions<Req, Res> extends Common {
  access: (request: Req) => Access;
  /** The stream ends OK when it resolves. */
  handler: (request: Req, ctx: CallContext, sink: Sink<Res>) => Promise<void>;
}

export interface ClientStreamOptions<Req, Res> extends Common {
  /** Is given the first message; the iterable begins with it too. */
  access: (first: Req) => Access;
  handler: (messages: AsyncIterable<Req>, ctx: CallContext) => Promise<Res>;
}

export interface BidiOptions<Req, Res> extends Common {
  access: (first: Req) => Access;
  handler: (messages: AsyncIterable<Req>, ctx: CallContext, sink: Sink<Res>) => Promise<void>;
}
