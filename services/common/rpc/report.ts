import { status as Code } from "@grpc/grpc-js";
import { type Access, isRead, type Principal } from "../auth/principal.ts";
import type { GantryError } from "../errors/errors.ts";
import { codeName } from "../errors/status.ts";
import type { AuditEvent } from "./call.ts";
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

/** Counts the call and writes its one log line: debug for reads; info and an audit event for changes and refusals. */
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
    code,
    ...(error === undefined ? {} : { reason: error.reason, message: error.message }),
    ms: Math.round(durationMs * 10) / 10,
  };
  const refused = error?.code === Code.UNAUTHENTICATED || error?.code === Code.PERMISSION_DENIED;
  if (refused || isChange(facts)) {
    runtime.log.info({ ...line, audit: true, tokenId: facts.principal?.tokenId ?? "" }, "call");
    audit(runtime, facts, code, error?.reason ?? "", durationMs);
  } else runtime.log.debug(line, "call");
}

/** A second audit event for a change that was done although its call had ended with an error. */
export function reportLateEffect(runtime: Runtime, facts: CallFacts): void {
  if (!isChange(facts)) return;
  const { callId, target, principal } = facts;
  const line = { callId, method: facts.method.slice(1), subject: principal?.subject ?? "", target, audit: true };
  runtime.log.info(line, "the change was done after its call had ended");
  audit(runtime, facts, "OK", "DONE_AFTER_END", performance.now() - facts.startMs);
}

function isChange({ access }: CallFacts): boolean {
  return access !== undefined && !isRead(access);
}

function audit(runtime: Runtime, facts: CallFacts, code: string, reason: string, durationMs: number): void {
  const { principal, method, peer, target, access } = facts;
  const event: AuditEvent = {
    time: new Date(),
    kind: principal?.kind ?? "",
    subject: principal?.subject ?? "",
    tokenId: principal?.tokenId ?? "",
    peer,
    method,
    target,
    project: access?.project ?? "",
    code,
    reason,
    durationMs,
  };
  try {
    runtime.audit?.(event);
  } catch (error) {
    // Whatever becomes of the audit trail, the call is over and its place must be given back.
    runtime.log.error({ err: error, method }, "the audit hook failed");
  }
}
