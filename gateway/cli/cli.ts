import type { Command } from "commander";
import { contextPath, readContexts, selectContext } from "./config/contexts.ts";
import { Connection } from "./connection.ts";
import { UsageError } from "./exit-codes.ts";
import { type OutputFormat, parseFormat } from "./output/print.ts";
import { ProgressView } from "./output/progress.ts";
import { parseDurationMs } from "./quantity.ts";

/** Options every command takes. */
export interface GlobalOptions {
  context?: string;
  project?: string;
  output?: string;
  timeout?: string;
  quiet?: boolean;
}

const CALL_TIMEOUT_MS = 30_000;
const OPERATION_TIMEOUT_MS = 600_000;

/** What a command works with: the realm, the wanted output, the signal that Ctrl-C aborts. */
export class Cli {
  readonly signal: AbortSignal;
  readonly configPath: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #options: () => GlobalOptions;
  #connection: Connection | undefined;

  constructor(program: Command, env: NodeJS.ProcessEnv, signal: AbortSignal) {
    this.signal = signal;
    this.env = env;
    this.configPath = contextPath(env);
    this.#options = () => program.opts<GlobalOptions>();
  }

  /** Of a call that is no operation. */
  get callTimeoutMs(): number {
    return this.#options().timeout === undefined ? CALL_TIMEOUT_MS : this.operationTimeoutMs;
  }

  get connection(): Connection {
    this.#connection ??= new Connection(this.context, this.callTimeoutMs, this.signal);
    return this.#connection;
  }

  get context() {
    return selectContext(this.configPath, this.#options().context);
  }

  /** A connection of its own; who asks for it closes it. */
  connect(timeoutMs: number): Connection {
    return new Connection(this.context, timeoutMs, this.signal);
  }

  get contextNames(): string[] {
    return Object.keys(readContexts(this.configPath).contexts);
  }

  get project(): string {
    return this.#options().project ?? this.context.project ?? "default";
  }

  get format(): OutputFormat {
    return parseFormat(this.#options().output ?? "table");
  }

  /** Of commands that print line by line for ever. */
  get lineFormat(): "table" | "json" {
    return this.format === "json" ? "json" : "table";
  }

  get operationTimeoutMs(): number {
    const text = this.#options().timeout;
    if (text === undefined) return OPERATION_TIMEOUT_MS;
    const timeoutMs = parseDurationMs(text, "--timeout");
    if (timeoutMs <= 0 || timeoutMs > 86_400_000) throw new UsageError("--timeout must be more than 0 and at most 24h");
    return timeoutMs;
  }

  /** What a person would like to know besides the answer; programs, and those who want quiet, do not. */
  hint(text: string): void {
    const { format } = this;
    if (!this.#options().quiet && (format === "table" || format === "wide")) process.stderr.write(`${text}\n`);
  }

  /** Progress goes to standard error: standard output stays the answer. */
  progressView(): ProgressView {
    return new ProgressView(process.stderr, process.stdout, this.#options().quiet ?? false);
  }

  print(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  close(): void {
    this.#connection?.close();
  }
}
