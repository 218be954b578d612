import { ERROR_DOMAIN, type GantryError } from "../../services/common/errors/errors.ts";

/** An id a client chose for its frame; echoed in the answer. */
export type FrameId = string | number;

/** google.rpc.Status in ProtoJSON. */
export function statusJson(error: GantryError): object {
  const info = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    reason: error.reason,
    domain: ERROR_DOMAIN,
    metadata: error.metadata,
  };
  const details: object[] = [info];
  if (error.violations.length > 0) {
    details.push({ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: error.violations });
  }
  return { code: error.code, message: error.message, details };
}

/** `extra`: what the error is about, for example the mirror. */
export function errorFrame(id: FrameId | undefined, error: GantryError, extra: object = {}): object {
  return { t: "error", ...(id === undefined ? {} : { id }), ...extra, error: statusJson(error) };
}
