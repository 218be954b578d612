import { randomBytes } from "node:crypto";
import type { ServerUnaryCall, ServiceError } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { type Access, authorize, type Principal } from "../auth/principal.ts";
import { CLOCK_LEEWAY_S } from "../auth/token.ts";
import { cancelled, deadlineExceeded, type GantryError, unauthenticated, unavailable } from "../errors/errors.ts";
import { toGantryError, toStatus } from "../errors/status.ts";
import { authenticate, peerOf } from "./authenticate.ts";
import type { CallContext } from "./call.ts";
import { type CallFacts, report, reportLateEffect } from "./report.ts";
import type { ActiveCall, Runtime } from "./runtime.ts";
import { targetOf } from "./target.ts";

type SurfaceCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  "metadata" | "getAuthContext" | "getPeer" | "getDeadline"
> & {
  on(event: "cancelled", listener: () => void): unknown;
};

/** The parts of a call in which the four shapes differ. */
export interface Shape<Req, Res> {
  streaming: boolean;
  /** The request, or the first message of the client's stream. */
  first(signal: AbortSignal): Promise<Req>;
  access(first: Req): Access;
  run(first: Req, ctx: CallContext): Promise<Res>;
  /** Sends the end of the call. Called once. */
  succeed(result: Res): void;
  fail(status: ServiceError): void;
  target: ((first: Req) => string) | undefined;
}

/** A handler that does not heed its signal is reported after this time. */
const SETTLE_TIMEOUT_MS = 10_000;
const TIMER_MS_MAX = 2 ** 31 - 1;
/** grpc-js notices a deadline by its own timer, which may fire this much early. */
export const TIMER_SLACK_MS = 5;
/** Ids of calls are unique over restarts and hosts, and cost nothing. */
const CALL_ID_PREFIX = randomBytes(5).toString("hex");
let calls = 0;

/** Everything that is the same for each call: who, may they, how long, what became of it. Never throws. */
export async function runCall<Req, Res>(
  runtime: Runtime,
  method: string,
  call: SurfaceCall,
  shape: Shape<Req, Res>,
): Promise<void> {
  const startMs = performance.now();
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = Promise.withResolvers<never>();
  // Nobody may be waiting for it when it rejects.
  aborted.promise.catch(() => undefined);
  const active: ActiveCall = {
    streaming: shape.streaming,
    abort(reason) {
      if (signal.aborted) return;
      controller.abort(reason);
      aborted.reject(reason);
    },
  };
  calls += 1;
  const callId = `${CALL_ID_PREFIX}-${calls.toString(36)}`;
  const { metadata } = call;
  const label = method.slice(1);
  const peer = peerOf(call, runtime.mutualTls);
  const clientDeadline = Number(call.getDeadline());
  const deadline =
    clientDeadline === Infinity && !shape.streaming ? Date.now() + runtime.limits.defaultDeadlineMs : clientDeadline;
  const timers: NodeJS.Timeout[] = [];
  let principal: Principal | undefined;
  let access: Access | undefined;
  let target = "";
  let error: GantryError | undefined;
  let handler: Promise<Res> | undefined;
  let release: (() => void) | undefined;
  let done = false;

  call.on("cancelled", () => {
    // grpc-js says this too after the status of a call was sent.
    if (done) return;
    const late = Date.now() + TIMER_SLACK_MS >= clientDeadline;
    active.abort(late ? deadlineExceeded("the deadline has passed") : cancelled("the client cancelled the call"));
  });
  runtime.active.add(active);
  runtime.metrics.active.inc({ method: label });
  try {
    if (runtime.draining) throw draining();
    if (clientDeadline === Infinity && deadline !== Infinity) {
      timers.push(abortAt(active, deadline, () => deadlineExceeded("the server's default deadline has passed")));
    }
    principal = await Promise.race([authenticate(call, runtime.verify), aborted.promise]);
    release = runtime.limiter.acquire(principal.subject);
    const first = await Promise.race([shape.first(signal), aborted.promise]);
    target = (shape.target ?? targetOf)(first);
    access = shape.access(first);
    authorize(principal, access);
    if (shape.streaming && principal.kind === "user") {
      const endMs = principal.expiresMs + CLOCK_LEEWAY_S * 1_000;
      timers.push(abortAt(active, endMs, () => unauthenticated("the token has expired", "TOKEN_EXPIRED")));
    }
    handler = shape.run(first, contextOf(runtime.log, callId, { principal, signal, deadline, metadata, peer, method }));
    const result = await Promise.race([handler, aborted.promise]);
    done = true;
    shape.succeed(result);
  } catch (thrown) {
    // What the handler throws once its signal has aborted is a consequence of it.
    error = toGantryError(signal.aborted ? signal.reason : thrown, (unknown, errorId) => {
      runtime.log.error({ err: unknown, errorId, callId, method: label, peer }, "unknown error in a call");
    });
    done = true;
    shape.fail(toStatus(error, () => undefined));
  }
  for (const timer of timers) clearTimeout(timer);
  runtime.active.delete(active);
  const facts: CallFacts = { callId, method, principal, peer, target, access, startMs };
  report(runtime, facts, error);
  // Its place is given back only when the handler is really over.
  if (handler !== undefined && error !== undefined) await settled(handler, runtime, facts);
  release?.();
}

/** A child logger costs more than many a call: it is made when it is first asked for. */
function contextOf(parent: Logger, callId: string, call: Omit<CallContext, "log">): CallContext {
  let log: Logger | undefined;
  return {
    ...call,
    get log() {
      return (log ??= parent.child({ callId, method: call.method.slice(1), subject: call.principal.subject }));
    },
  };
}

export function draining(): GantryError {
  return unavailable("DRAINING", "the service is stopping: connect again");
}

function abortAt(active: ActiveCall, atMs: number, reason: () => GantryError): NodeJS.Timeout {
  const leftMs = atMs - Date.now();
  if (leftMs <= TIMER_MS_MAX) return setTimeout(() => active.abort(reason()), leftMs);
  // Node has no longer timers; after 24 days a client may well connect again.
  return setTimeout(() => active.abort(unavailable("STREAM_TOO_OLD", "connect again")), TIMER_MS_MAX);
}

async function settled(handler: Promise<unknown>, runtime: Runtime, facts: CallFacts): Promise<void> {
  const { callId, method } = facts;
  let thrown = false;
  const timer = setTimeout(() => {
    runtime.log.warn({ callId, method, timeoutMs: SETTLE_TIMEOUT_MS }, "a handler goes on after the end of its call");
  }, SETTLE_TIMEOUT_MS);
  try {
    await handler;
  } catch (error) {
    thrown = true;
    runtime.log.trace({ err: error, callId, method }, "a handler ended after its call");
  } finally {
    clearTimeout(timer);
  }
  // The caller was told of a cancelled or late call, and yet what it asked for was done.
  if (!thrown) reportLateEffect(runtime, facts);
}
