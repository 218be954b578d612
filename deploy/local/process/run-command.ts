import { execFile } from "node:child_process";

export interface CommandOptions {
  timeoutMs: number;
  /** Added to what the program inherits. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  input?: string;
  signal?: AbortSignal;
}

export class CommandError extends Error {
  readonly command: string;
  readonly stderr: string;
  readonly stdout: string;

  constructor(command: string, cause: Error, stdout: string, stderr: string) {
    const said = (stderr || stdout).trim().split("\n").slice(-OUTPUT_LINES_SHOWN).join("\n");
    super(`${command} failed: ${said === "" ? cause.message : said}`, { cause });
    this.name = "CommandError";
    this.command = command;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

const OUTPUT_LINES_SHOWN = 12;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Runs a program to its end and gives its standard output; throws CommandError with what it said. */
export function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      [...args],
      {
        timeout: options.timeoutMs,
        killSignal: "SIGKILL",
        maxBuffer: OUTPUT_BYTES_MAX,
        ...(options.env ? { env: { ...process.env, ...options.env } } : {}),
        ...(options.cwd ? { cwd: options.cwd } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
      },
      (error, stdout, stderr) => {
        if (error) reject(new CommandError([file, ...args].join(" "), error, stdout, stderr));
        else resolve(stdout);
      },
    );
    // A program that ends without reading its input is judged by its exit code.
    child.stdin?.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") reject(error);
    });
    child.stdin?.end(options.input ?? "");
  });
}
