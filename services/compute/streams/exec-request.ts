import type { ExecInstanceRequest, ExecStart, TerminalSize } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { invalidArgument } from "../../common/errors/errors.ts";
import { Violations } from "../../common/names/violations.ts";
import type { ExecInput, ExecOptions } from "./exec.ts";

export const COMMAND_ENTRIES_MAX = 256;
export const COMMAND_BYTES_MAX = 128 * 1024;
export const ENV_ENTRIES_MAX = 256;
export const ENV_BYTES_MAX = 128 * 1024;
export const STDIN_PART_BYTES_MAX = 1024 * 1024;
const TERMINAL_SIDE_MAX = 65_535;
const USER = /^[A-Za-z0-9_.-]{1,64}(:[A-Za-z0-9_.-]{1,64})?$/;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The `start` of the first message; INVALID_ARGUMENT when it is another. */
export function startOf(first: ExecInstanceRequest): ExecStart {
  if (first.input?.$case === "start") return first.input.value;
  throw invalidArgument([{ field: "start", description: "the first message must be `start`" }]);
}

/** INVALID_ARGUMENT with every bad field. */
export function execOptions(start: ExecStart): Omit<ExecOptions, "container"> {
  const bad = new Violations();
  const { command, env, size, tty, user, workingDir, stdin } = start;
  bad.check(command.length >= 1, "start.command", "must have at least one entry");
  bad.check(
    command.length <= COMMAND_ENTRIES_MAX,
    "start.command",
    `has ${command.length} entries; at most ${COMMAND_ENTRIES_MAX} are allowed`,
  );
  bad.check(command.length === 0 || command[0] !== "", "start.command[0]", "must not be empty");
  bad.check(bytes(command) <= COMMAND_BYTES_MAX, "start.command", `is larger than ${COMMAND_BYTES_MAX} bytes`);
  for (const [index, word] of command.entries()) {
    bad.check(!word.includes("\0"), `start.command[${index}]`, "must not contain a zero byte");
  }
  const names = Object.keys(env);
  bad.check(
    names.length <= ENV_ENTRIES_MAX,
    "start.env",
    `has ${names.length} entries; at most ${ENV_ENTRIES_MAX} are allowed`,
  );
  bad.check(
    bytes([...names, ...Object.values(env)]) <= ENV_BYTES_MAX,
    "start.env",
    `is larger than ${ENV_BYTES_MAX} bytes`,
  );
  for (const name of names) {
    bad.check(ENV_NAME.test(name), `start.env[${JSON.stringify(name.slice(0, 64))}]`, "is not a name of a variable");
    bad.check(
      !env[name]!.includes("\0"),
      `start.env[${JSON.stringify(name.slice(0, 64))}]`,
      "must not contain a zero byte",
    );
  }
  if (size) checkSize(bad, "start.size", size);
  bad.check(size === undefined || tty, "start.size", "needs `tty`");
  bad.check(user === "" || USER.test(user), "start.user", "must be `user`, `user:group` or `uid:gid`");
  bad.check(workingDir === "" || workingDir.startsWith("/"), "start.working_dir", "must be an absolute path");
  bad.throwIfAny();
  return { command, env, tty, size, user, workingDir, stdin };
}

/** What a message after the first means. INVALID_ARGUMENT when it has no place there. */
export function inputOf(request: ExecInstanceRequest, stdin: boolean): ExecInput {
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

function checkSize(bad: Violations, field: string, size: TerminalSize): void {
  for (const side of ["columns", "rows"] as const) {
    bad.check(
      size[side] >= 1 && size[side] <= TERMINAL_SIDE_MAX,
      `${field}.${side}`,
      `must be 1 to ${TERMINAL_SIDE_MAX}`,
    );
  }
}

function bytes(texts: readonly string[]): number {
  return texts.reduce((total, text) => total + Buffer.byteLength(text), 0);
}
