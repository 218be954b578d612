import { execFile } from "node:child_process";

const OUTPUT_BYTES_MAX = 1024 * 1024;

export interface RunOptions {
  timeoutMs: number;
  signal: AbortSignal;
  /** Given to the command's standard input. */
  input?: string;
}

export interface RunResult {
  stdout: string;
  stderr: string;
}

/** A command failed: `message` is its own last words. */
export class CommandError extends Error {
  /** Exit code; undefined when it was not started or was killed. */
  readonly exitCode: number | undefined;
  constructor(message: string, exitCode: number | undefined, cause: unknown) {
    super(message, { cause });
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}

/** Runs a command without a shell; killed at its time limit. Rejects with CommandError unless it exits with 0. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      [...args],
      { timeout: options.timeoutMs, signal: options.signal, maxBuffer: OUTPUT_BYTES_MAX, killSignal: "SIGKILL" },
      (error, stdout, stderr) => {
        if (!error) return resolve({ stdout, stderr });
        const words = stderr.trim().split("\n").at(-1) || stdout.trim().split("\n").at(-1) || error.message;
        const text = error.killed ? `took longer than ${options.timeoutMs} ms` : words;
        const missing = error.code === "ENOENT" ? `${command} is not installed` : undefined;
        reject(new CommandError(missing ?? text, typeof error.code === "number" ? error.code : undefined, error));
      },
    );
    // A command that ends without reading its input.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input ?? "");
  });
}

export function isMissingTool(error: unknown): boolean {
  return error instanceof CommandError && (error.cause as NodeJS.ErrnoException).code === "ENOENT";
}
