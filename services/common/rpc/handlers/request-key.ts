import type { Violations } from "../../names/violations.ts";
import type { CallContext } from "../call.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function checkRequestId(found: Violations, requestId: string): void {
  found.check(requestId === "" || UUID.test(requestId), "request_id", "is not a UUID");
}

/** Under which a call with a request id (AIP-155) is remembered: no caller meets another's. */
export function requestKey(call: CallContext, requestId: string): string | undefined {
  if (requestId === "") return undefined;
  const method = call.method.slice(call.method.lastIndexOf("/") + 1);
  return `${call.principal.subject}/${method}/${requestId.toLowerCase()}`;
}
