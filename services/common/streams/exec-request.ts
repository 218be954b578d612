import type { ExecStart, ExecStarted, TerminalSize } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { invalidArgument } from "../errors/errors.ts";
import { Violations } from "../names/violations.ts";
import { checkEnv, checkWords } from "../names/check-words.ts";
import { addPathProblems } from "./check-path.ts";
import type { ExecInput, ExecOptions, ExecOutput } from "./exec.ts";

export const STDIN_PART_BYTES_MAX = 1024 * 1024;
const TERMINAL_SIDE_MAX = 65_535;
const USER = /^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64})?$/;

/** A message of the client: the same for whatever a command runs in. */
export interface ExecRequest {
  input?:
    | { $case: "start"; value: ExecStart }
    | { $case: "stdin"; value: Uint8Array }
    | { $case: "resize"; value: TerminalSize }
    | { $case: "stdinClosed"; value: boolean }
    | undefined;
}

export interface ExecResponse {
  output:
    | { $case: "started"; value: ExecStarted }
    | { $case: "stdout"; value: Buffer }
    | { $case: "stderr"; value: Buffer }
    | { $case: "exitCode"; value: number };
}

/** The `start` of the first message; INVALID_ARGUMENT when it is another. */
export function startOf(first: ExecRequest): ExecStart {
  if (first.input?.$case === "start") return first.input.value;
  throw invalidArgument([{ field: "start", description: "the first message must be `start`" }]);
}

/** INVALID_ARGUMENT with every bad field. */
export function execOptions(start: ExecStart): Omit<ExecOptions, "container"> {
  const bad = new Violations();
  const { command, env, size, tty, user, workingDir, stdin } = start;
  bad.check(command.length >= 1, "start.command", "must have at least one entry");
  bad.check(command.length === 0 || command[0] !== "", "start.command[0]", "must not be empty");
  checkWords(bad, command, "start.command");
  checkEnv(bad, env, "start.env");
  if (size) checkSize(bad, "start.size", size);
  bad.check(size === undefined || tty, "start.size", "needs `tty`");
  bad.check(user === "" || USER.test(user), "start.user", "must be `user`, `user:group` or `uid:gid`");
  if (workingDir !== "") addPathProblems(bad, "start.working_dir", workingDir);
  bad.throwIfAny();
  return { command, env, tty, size, user, workingDir, stdin };
}

/** What a message after the first means. INVALID_ARGUMENT when it has no place there. */
export function inputOf(request: ExecRequest, stdin: boolean): ExecInput {
  const { input } = request;
  const bad = new Violations();
  switch (input?.$case) {
    case "stdin":
      bad.check(stdin, "stdin", "`start.stdin` was not set: the standard input is closed");
      bad.check(input.value.length <= STDIN_PART_BYTES_MAX, "stdin", `is larger than ${STDIN_PART_BYTES_MAX} bytes`);
      bad.throwIfAny();
      return { type: "data", data: input.value };
    case "stdinClosed":
      return { type: "end" };
    case "resize":
      checkSize(bad, "resize", input.value);
      bad.throwIfAny();
      return { type: "resize", size: input.value };
    default:
      throw invalidArgument([{ field: input?.$case ?? "input", description: "must be stdin, stdin_closed or resize" }]);
  }
}

/** What the messages after the first mean, as they come. */
export async function* inputsOf(requests: AsyncIterable<ExecRequest>, stdin: boolean): AsyncGenerator<ExecInput> {
  for await (const request of requests) yield inputOf(request, stdin);
}

export function responseOf(part: ExecOutput): ExecResponse {
  if (part.type === "started") return { output: { $case: "started", value: { id: part.id } } };
  return { output: { $case: part.stream, value: part.data } };
}

function checkSize(bad: Violations, field: string, size: TerminalSize): void {
  for (const side of ["columns", "rows"] as const) {
    bad.check(
      size[side] >= 1 && size[side] <= TERMINAL_SIDE_MAX,
      `${field}.${side}`,
      `must be 1 to ${TERMINAL_SIDE_MAX}`,
    );
  }
}
