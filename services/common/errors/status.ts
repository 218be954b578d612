import { randomBytes } from "node:crypto";
import { Metadata, type ServiceError, status as Code } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo } from "../../../proto/gen/google/rpc/error_details.ts";
import { Status } from "../../../proto/gen/google/rpc/status.ts";
import { ERROR_DOMAIN, GantryError } from "./errors.ts";

/** Trailer with the `google.rpc.Status` of an error that a service of ours made. */
export const DETAILS_KEY = "grpc-status-details-bin";
const ERROR_INFO_URL = "type.googleapis.com/google.rpc.ErrorInfo";
const BAD_REQUEST_URL = "type.googleapis.com/google.rpc.BadRequest";

/** Several gRPC implementations refuse more than 8 KB of trailers; base64 adds a third, the message at most 1 KB. */
const TRAILER_DETAILS_BYTES_MAX = 5_000;
const TRAILER_MESSAGE_CHARS_MAX = 500;
/** For a Status that travels inside a message (operations). */
const STATUS_DETAILS_BYTES_MAX = 64 * 1024;
const STATUS_MESSAGE_CHARS_MAX = 8_192;

/** Called with an error that is not ours, and the id the caller was told instead of it. */
export type ReportUnknown = (error: unknown, errorId: string) => void;

/** A GantryError as it is; anything else is reported whole and replaced by INTERNAL with an id to find it by. */
export function toGantryError(error: unknown, report: ReportUnknown): GantryError {
  if (error instanceof GantryError) return error;
  const errorId = randomBytes(6).toString("hex");
  report(error, errorId);
  return new GantryError(Code.INTERNAL, `internal error; the service's log has it under errorId ${errorId}`, {
    reason: "INTERNAL",
    metadata: { errorId },
    cause: error,
  });
}

/** What grpc-js sends: `google.rpc.Status` with ErrorInfo and BadRequest (each at most once) in the trailers. */
export function toStatus(error: unknown, report: ReportUnknown): ServiceError {
  const known = toGantryError(error, report);
  const status = buildStatus(known, TRAILER_DETAILS_BYTES_MAX, TRAILER_MESSAGE_CHARS_MAX);
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(Status.encode(status).finish()));
  return Object.assign(new Error(known.message), { code: known.code, details: status.message, metadata });
}

/** For `google.longrunning.Operation.error`. */
export function toRpcStatus(error: unknown, report: ReportUnknown): Status {
  return buildStatus(toGantryError(error, report), STATUS_DETAILS_BYTES_MAX, STATUS_MESSAGE_CHARS_MAX);
}

export function fromRpcStatus(status: Status): GantryError {
  let info: ErrorInfo | undefined;
  let violations: GantryError["violations"] = [];
  for (const detail of status.details) {
    if (detail.typeUrl === ERROR_INFO_URL) info = ErrorInfo.decode(detail.value);
    else if (detail.typeUrl === BAD_REQUEST_URL) {
      violations = BadRequest.decode(detail.value).fieldViolations.map(({ field, description }) => ({
        field,
        description,
      }));
    }
  }
  const code = Code[status.code] === undefined ? Code.UNKNOWN : status.code;
  return new GantryError(code, status.message, {
    reason: info?.reason || codeName(code),
    metadata: info?.metadata ?? {},
    violations,
  });
}

/** What a client got, as a typed error. An error that carries no details gets the name of its code as reason. */
export function fromServiceError(error: unknown): GantryError {
  if (error instanceof GantryError) return error;
  if (!isServiceError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return new GantryError(Code.UNKNOWN, message, { reason: "UNKNOWN", cause: error });
  }
  const details = error.metadata?.get(DETAILS_KEY)[0];
  if (details instanceof Uint8Array) {
    const status = decodeStatus(details);
    if (status !== undefined && status.code === error.code) return fromRpcStatus(status);
  }
  return new GantryError(error.code, error.details, { reason: codeName(error.code), cause: error });
}

export function codeName(code: number): string {
  return Code[code] ?? "UNKNOWN";
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === "number" && "details" in error;
}

function decodeStatus(bytes: Uint8Array): Status | undefined {
  try {
    return Status.decode(bytes);
  } catch {
    // Details of another making: the code and message of the trailers still tell what happened.
    return undefined;
  }
}

function buildStatus(error: GantryError, bytesMax: number, charsMax: number): Status {
  const message = clip(error.message, charsMax);
  let { metadata } = error;
  let { violations } = error;
  for (;;) {
    const status = statusOf(error, message, metadata, violations);
    if (status.details.reduce((sum, detail) => sum + detail.value.length, 0) + message.length <= bytesMax)
      return status;
    if (violations.length > 0) {
      violations = violations.slice(0, Math.floor(violations.length / 2));
      metadata = { ...error.metadata, omittedViolations: String(error.violations.length - violations.length) };
    } else {
      // Metadata alone is too large: the reason still gets through.
      return statusOf(error, message, {}, []);
    }
  }
}

function statusOf(
  error: GantryError,
  message: string,
  metadata: Record<string, string>,
  violations: GantryError["violations"],
): Status {
  const info = ErrorInfo.fromPartial({ reason: error.reason, domain: ERROR_DOMAIN, metadata });
  const details = [{ typeUrl: ERROR_INFO_URL, value: Buffer.from(ErrorInfo.encode(info).finish()) }];
  if (violations.length > 0) {
    const request = BadRequest.fromPartial({ fieldViolations: violations });
    details.push({ typeUrl: BAD_REQUEST_URL, value: Buffer.from(BadRequest.encode(request).finish()) });
  }
  return { code: error.code, message, details };
}

/** Half a surrogate pair would make grpc-js throw when it percent-encodes the message. */
function clip(text: string, charsMax: number): string {
  const clipped = text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text;
  return clipped.toWellFormed();
}
