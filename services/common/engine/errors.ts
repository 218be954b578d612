import { status as Code } from "@grpc/grpc-js";
import { cancelled, deadlineExceeded, GantryError } from "../errors/errors.ts";

/** An answer of the engine that says no, or no answer at all (`statusCode` 0). */
export class EngineError extends GantryError {
  /** HTTP status of the engine's answer; 0 when there was none. */
  readonly statusCode: number;

  constructor(code: Code, statusCode: number, reason: string, message: string, cause?: unknown) {
    super(code, message, { reason, metadata: statusCode === 0 ? {} : { engineStatus: String(statusCode) }, cause });
    this.name = "EngineError";
    this.statusCode = statusCode;
  }
}

/** `what` names the call, for example `POST /containers/create`. */
export function engineAnswerError(statusCode: number, what: string, detail: string): EngineError {
  const message = `engine: ${detail === "" ? `${what} was answered with ${statusCode}` : detail}`;
  const [code, reason] = classify(statusCode, detail);
  return new EngineError(code, statusCode, reason, message);
}

/**
 * After an engine was killed its runtime still has, for a moment, what the engine had begun; and an engine whose runtime is away, or that
 * itself is about to stop, says so with 500.
 */
const PASSING =
  /failed to create task for container: mkdir \S+: file exists|task \S+: already exists|shim-binary-path: no such file|connection error: desc = |transport is closing|client connection is closing|ttrpc: closed|containerd\.sock: connect: /;

function classify(statusCode: number, detail: string): [Code, string] {
  switch (statusCode) {
    case 400:
      return [Code.INVALID_ARGUMENT, "ENGINE_BAD_REQUEST"];
    case 401:
    case 403:
      return [Code.FAILED_PRECONDITION, "ENGINE_FORBIDDEN"];
    case 404:
      return [Code.NOT_FOUND, "ENGINE_NOT_FOUND"];
    case 409:
      // What a caller before asked for is still being done.
      if (/is already in progress/.test(detail)) return [Code.UNAVAILABLE, "ENGINE_BUSY"];
      return /already in use|already exists/i.test(detail)
        ? [Code.ALREADY_EXISTS, "ENGINE_NAME_IN_USE"]
        : [Code.FAILED_PRECONDITION, "ENGINE_CONFLICT"];
    case 501:
      return [Code.UNIMPLEMENTED, "ENGINE_NOT_IMPLEMENTED"];
    case 429:
    case 503:
      return [Code.UNAVAILABLE, "ENGINE_BUSY"];
    default:
      return PASSING.test(detail) ? [Code.UNAVAILABLE, "ENGINE_BUSY"] : [Code.INTERNAL, "ENGINE_ERROR"];
  }
}

/** The engine did not answer: refused, no socket, or the connection broke. Trying again may help. */
export function engineGone(what: string, cause: unknown): EngineError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new EngineError(
    Code.UNAVAILABLE,
    0,
    "ENGINE_UNAVAILABLE",
    `engine does not answer (${what}: ${detail})`,
    cause,
  );
}

/** Why a call ended that was stopped by its signal or its time limit. */
export function engineStopped(what: string, timedOut: boolean, timeoutMs: number): GantryError {
  return timedOut
    ? deadlineExceeded(`engine: ${what} took longer than ${timeoutMs} ms`)
    : cancelled(`engine: ${what} was cancelled`);
}

export function isEngineStatus(error: unknown, statusCode: number): error is EngineError {
  return error instanceof EngineError && error.statusCode === statusCode;
}

export function isEngineNotFound(error: unknown): error is EngineError {
  return isEngineStatus(error, 404);
}

/** Whether a container was not made because its image is not there. */
export function isImageMissing(error: unknown): error is EngineError {
  return isEngineNotFound(error) && /no such image/i.test(error.message);
}

/** Whether a network's subnet was refused because another has it: engines say so with several codes. */
export function isSubnetOverlap(error: unknown): error is EngineError {
  return [400, 403, 500].some((status) => isEngineStatus(error, status)) && /overlap/i.test((error as Error).message);
}

/** Whether the engine could not be reached or was too busy: the same call may succeed later. */
export function isEngineUnavailable(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code === Code.UNAVAILABLE;
}
