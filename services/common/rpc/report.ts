import { status as Code } from "@grpc/grpc-js";
import { type Access, isRead, type Principal } from "../auth/principal.ts";
import type { GantryError } from "../errors/errors.ts";
import { codeName } from "../errors/status.ts";
import type { Runtime } from "./runtime.ts";

/** What is known of a call when it ends; `principal` and `access` only if it came that far. */
export interface CallFacts {
  callId: string;
  /** With the leading slash. */
  method: string;
  principal: Principal | undefined;
  peer: string;
  target: string;
  access: Access | undefined;
  /** On the monotonic clock. */
  startMs: number;
}

/** Counts the call and writes its one log line: debug for reads; info, marked `audit`, for changes and refusals. */
export function report(runtime: Runtime, facts: CallFacts, error: GantryError | undefined): void {
  const durationMs = performance.now() - facts.startMs;
  const method = facts.method.slice(1);
  const code = codeName(error?.code ?? Code.OK);
  runtime.metrics.active.dec({ method });
  runtime.metrics.calls.inc({ method, code });
  runtime.metrics.seconds.observe({ method, code }, durationMs / 1000);

  const line = {
    callId: facts.callId,
    method,
    kind: facts.principal?.kind ?? "",
    subject: facts.principal?.subject ?? "",
    peer: facts.peer,
    target: facts.target,
    project: facts.access?.project ?? "",
    code,
    ...(error === undefined ? {} : { reason: error.reason, message: error.message }),
    ms: Math.round(durationMs * 10) / 10,
  };
  const refused = error?.code === Code.UNAUTHENTICATED || error?.code === Code.PERMISSION_DENIED;
  if (refused || isChange(facts)) {
    runtime.log.info({ ...line, audit: true, tokenId: facts.principal?.tokenId ?? "" }, "call");
  } else runtime.log.debug(line, "call");
}

/** A second line for a change that was done although its call had ended with an error. */
export function reportLateEffect(runtime: Runtime, facts: CallFacts): void {
  if (!isChange(facts)) return;
  const { callId, target, principal, access } = facts;
  const line = {
    callId,
    method: facts.method.slice(1),
    subject: principal?.subject ?? "",
    target,
    project: access?.project ?? "",
    code: codeName(Code.OK),
    reason: "DONE_AFTER_END",
    audit: true,
  };
  runtime.log.info(line, "the change was done after its call had ended");
}

function isChange({ access }: CallFacts): boolean {
  return access !== undefined && !isRead(access);
}
