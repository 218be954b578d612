import { status as Code } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { Status } from "../../../proto/gen/google/rpc/status.ts";
import { GantryError } from "../errors/errors.ts";
import { fromRpcStatus, toGantryError, toRpcStatus } from "../errors/status.ts";

/** What of the operation failed, for programs, beside the error's own facts. */
export function stepFailure(error: unknown, step: string, log: Logger): GantryError {
  const known = toGantryError(error, (unknown, errorId) =>
    log.error({ err: unknown, errorId, step }, "a step failed with an unexpected error"),
  );
  return new GantryError(known.code, known.message, {
    reason: known.reason,
    metadata: { ...known.metadata, step },
    violations: known.violations,
    cause: error,
  });
}

/** The same failure, told also that its undo left something behind. */
export function withUndoProblem(error: GantryError, step: string, problem: GantryError): GantryError {
  return new GantryError(error.code, `${error.message}; undoing ${step} failed: ${problem.message}`, {
    reason: error.reason,
    metadata: { ...error.metadata, undoFailed: [error.metadata["undoFailed"], step].filter(Boolean).join(",") },
    violations: error.violations,
    cause: error.cause,
  });
}

export function encodeFailure(error: GantryError): Buffer {
  return Buffer.from(Status.encode(statusOf(error)).finish());
}

export function decodeFailure(bytes: Uint8Array): GantryError {
  return fromRpcStatus(Status.decode(bytes));
}

export function statusOf(error: GantryError): Status {
  return toRpcStatus(error, () => {});
}

export function isCancellation(error: GantryError): boolean {
  return error.code === Code.CANCELLED;
}
