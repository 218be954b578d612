import { status as Code } from "@grpc/grpc-js";

/** Domain of every ErrorInfo that Gantry sends (AIP-193). */
export const ERROR_DOMAIN = "gantry.dev";

/** One bad field of a request: `field` is its path in proto names, `instance.spec.env["A-B"]`. */
export interface FieldViolation {
  field: string;
  description: string;
}

export interface GantryErrorOptions {
  /** UPPER_SNAKE_CASE, for programs. */
  reason: string;
  /** Facts for programs, by lowerCamelCase key. Never secrets. */
  metadata?: Record<string, string>;
  violations?: FieldViolation[];
  cause?: unknown;
}

/**
 * An error whose message may be shown to the caller. Any other error that reaches the edge is logged whole and sent as
 * INTERNAL with a generic message.
 */
export class GantryError extends Error {
  readonly code: Code;
  readonly reason: string;
  readonly metadata: Record<string, string>;
  readonly violations: FieldViolation[];

  constructor(code: Code, message: string, options: GantryErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "GantryError";
    this.code = code;
    this.reason = options.reason;
    this.metadata = options.metadata ?? {};
    this.violations = options.violations ?? [];
  }
}

/** Every bad field of a request at once. */
export function invalidArgument(violations: FieldViolation[]): GantryError {
  const message = violations.map((v) => `${v.field}: ${v.description}`).join("; ");
  return new GantryError(Code.INVALID_ARGUMENT, message, { reason: "INVALID_ARGUMENT", violations });
}

export function notFound(name: string): GantryError {
  return new GantryError(Code.NOT_FOUND, `${name} does not exist`, { reason: "NOT_FOUND", metadata: { name } });
}

export function alreadyExists(name: string): GantryError {
  return new GantryError(Code.ALREADY_EXISTS, `${name} exists already`, {
    reason: "ALREADY_EXISTS",
    metadata: { name },
  });
}

/** The caller's etag is not the current one (AIP-154). */
export function etagMismatch(name: string, current: string): GantryError {
  return new GantryError(Code.ABORTED, `${name} has changed since it was read: read it again and retry`, {
    reason: "ETAG_MISMATCH",
    metadata: { name, etag: current },
  });
}

export function operationInProgress(name: string, operation: string): GantryError {
  return new GantryError(Code.FAILED_PRECONDITION, `${operation} is running on ${name}: wait for it or cancel it`, {
    reason: "OPERATION_IN_PROGRESS",
    metadata: { name, operation },
  });
}

export function failedPrecondition(
  reason: string,
  message: string,
  metadata: Record<string, string> = {},
): GantryError {
  return new GantryError(Code.FAILED_PRECONDITION, message, { reason, metadata });
}

export function beingDeleted(name: string): GantryError {
  return failedPrecondition("BEING_DELETED", `${name} is being deleted`, { name });
}

/** A named limit was reached; `limit` is the name of its setting. */
export function resourceExhausted(limit: string, message: string): GantryError {
  return new GantryError(Code.RESOURCE_EXHAUSTED, message, { reason: "RESOURCE_EXHAUSTED", metadata: { limit } });
}

export function permissionDenied(message: string): GantryError {
  return new GantryError(Code.PERMISSION_DENIED, message, { reason: "PERMISSION_DENIED" });
}

export function unauthenticated(message: string, reason = "UNAUTHENTICATED"): GantryError {
  return new GantryError(Code.UNAUTHENTICATED, message, { reason });
}

/** Try again later: nothing was done. */
export function unavailable(reason: string, message: string, cause?: unknown): GantryError {
  return new GantryError(Code.UNAVAILABLE, message, { reason, cause });
}

export function cancelled(message: string): GantryError {
  return new GantryError(Code.CANCELLED, message, { reason: "CANCELLED" });
}

export function deadlineExceeded(message: string): GantryError {
  return new GantryError(Code.DEADLINE_EXCEEDED, message, { reason: "DEADLINE_EXCEEDED" });
}

/** A failure of ours or of the engine that the caller may read about. */
export function internal(reason: string, message: string, cause?: unknown): GantryError {
  return new GantryError(Code.INTERNAL, message, { reason, cause });
}
