import { status as Code } from "@grpc/grpc-js";
import { GantryError } from "../../services/common/errors/errors.ts";

/** What the command ends with; `gantry exec` ends with the code of the command it ran instead. */
export const ExitCode = {
  ok: 0,
  /** The request was carried out and failed, or anything not named below. */
  failed: 1,
  /** The command line or the input is wrong. */
  usage: 2,
  notFound: 3,
  /** `--timeout` ran out. */
  timeout: 4,
  /** No token, an expired one, or one without the right. */
  denied: 5,
  /** No answer from the realm. */
  unavailable: 6,
  /** Changed by someone else, exists already, or busy with another operation. */
  conflict: 7,
  interrupted: 130,
} as const;

const byStatus = new Map<Code, number>([
  [Code.INVALID_ARGUMENT, ExitCode.usage],
  [Code.NOT_FOUND, ExitCode.notFound],
  [Code.DEADLINE_EXCEEDED, ExitCode.timeout],
  [Code.UNAUTHENTICATED, ExitCode.denied],
  [Code.PERMISSION_DENIED, ExitCode.denied],
  [Code.UNAVAILABLE, ExitCode.unavailable],
  [Code.ABORTED, ExitCode.conflict],
  [Code.ALREADY_EXISTS, ExitCode.conflict],
  [Code.FAILED_PRECONDITION, ExitCode.conflict],
]);

/** Wrong use of the command line; every problem in one message. */
export class UsageError extends Error {}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return ExitCode.usage;
  if (error instanceof GantryError) return byStatus.get(error.code) ?? ExitCode.failed;
  return ExitCode.failed;
}
