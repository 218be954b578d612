import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type Context, writeContexts } from "../../../gateway/cli/config/contexts.ts";
import { waitUntil } from "../../../deploy/local/process/wait-until.ts";
import { registerProcess } from "../../support/cleanup.ts";
import type { Platform } from "../../support/platform.ts";

const BIN = join(import.meta.dirname, "..", "..", "..", "gateway", "cli", "bin.js");
const RUN_TIMEOUT_MS = 60_000;

export interface Result {
  stdout: string;
  stderr: string;
  code: number | null;
}

export interface RunOptions {
  stdin?: string | Buffer;
  /** Configuration file instead of the admin's. */
  config?: string;
  cwd?: string;
  /** Further variables. */
  env?: Record<string, string>;
  /** Default: a minute. */
  timeoutMs?: number;
}

/** The gantry command as a user has it: the real entry file as a child process. */
export class Gantry {
  readonly configPath: string;
  readonly context: Context;
  readonly #platform: Platform;
  readonly #running = new Set<Running>();

  constructor(platform: Platform) {
    this.#platform = platform;
    this.configPath = join(platform.dataDir, "cli", "config.yaml");
    this.context = {
      address: platform.addresses.grpc,
      gateway: `http://${platform.addresses.http}`,
      ca: join(platform.dataDir, "tls", "ca.crt"),
      token: platform.adminToken,
    };
    writeContexts(this.configPath, { current: "test", contexts: { test: this.context } });
  }

  /** Another configuration file with one context that differs so. */
  config(name: string, changes: Partial<Context>): string {
    const path = join(this.#platform.dataDir, "cli", `${name}.yaml`);
    writeContexts(path, { current: name, contexts: { [name]: { ...this.context, ...changes } } });
    return path;
  }

  /** Runs to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    const running = this.start(args, options);
    running.child.stdin?.end(options.stdin ?? "");
    return running.ended(options.timeoutMs ?? RUN_TIMEOUT_MS);
  }

  /** As `run`; anything but exit code 0 fails the test with what was said. Returns standard output. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    assert.equal(result.code, 0, `gantry ${args.join(" ")}: ${JSON.stringify(result)}`);
    return result.stdout;
  }

  start(args: readonly string[], options: RunOptions = {}): Running {
    return this.#track(spawn("node", [BIN, ...args], this.#spawnOptions(options)));
  }

  /** On a terminal of its own (util-linux script); what it shows is standard output. */
  onTerminal(args: readonly string[], options: RunOptions = {}): Running {
    const line = ["node", BIN, ...args].map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
    return this.#track(spawn("script", ["-qec", line, "/dev/null"], this.#spawnOptions(options)));
  }

  /** Ends what a failed test has left running. */
  stop(): void {
    for (const running of this.#running) running.child.kill("SIGTERM");
  }

  #track(child: ChildProcess): Running {
    const running = new Running(child);
    this.#running.add(running);
    child.once("close", () => this.#running.delete(running));
    return running;
  }

  #spawnOptions(options: RunOptions) {
    const env = { ...process.env, GANTRY_CONFIG: options.config ?? this.configPath, SHELL: "/bin/sh", ...options.env };
    return {
      stdio: ["pipe", "pipe", "pipe"] as ["pipe", "pipe", "pipe"],
      env,
      ...(options.cwd ? { cwd: options.cwd } : {}),
    };
  }
}

/** A command under way. */
export class Running {
  readonly child: ChildProcess;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  readonly #closed: Promise<unknown[]>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on("data", (chunk: Buffer) => this.#stdout.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    // A command that does not read its input ends before all of it is written.
    child.stdin?.on("error", (error: NodeJS.ErrnoException) => assert.equal(error.code, "EPIPE"));
    const registered = child.pid === undefined ? undefined : registerProcess(child.pid);
    this.#closed = once(child, "close").finally(() => registered?.forget());
  }

  get stdout(): string {
    return Buffer.concat(this.#stdout).toString("utf8");
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString("utf8");
  }

  /** Bytes of standard output. */
  get bytes(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  async sees(pattern: RegExp, timeoutMs = 20_000): Promise<void> {
    const check = async () => {
      if (pattern.test(this.stdout) || pattern.test(this.stderr)) return true;
      throw new Error(JSON.stringify({ stdout: this.stdout.slice(-1_000), stderr: this.stderr.slice(-1_000) }));
    };
    await waitUntil(check, { what: String(pattern), timeoutMs });
  }

  /** Waits for its end; one that takes longer is killed and fails the test. */
  async ended(timeoutMs = 20_000): Promise<Result> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.child.kill("SIGKILL");
    }, timeoutMs);
    const [code] = (await this.#closed) as [number | null];
    clearTimeout(timer);
    const result = { stdout: this.stdout, stderr: this.stderr, code };
    assert.ok(!late, `not ended within ${timeoutMs} ms: ${JSON.stringify(result).slice(0, 2_000)}`);
    return result;
  }

  async interrupt(): Promise<Result> {
    this.child.kill("SIGINT");
    return this.ended();
  }
}

export interface Case {
  args: string[];
  code?: number;
  stdout?: string | RegExp;
  stderr?: string | RegExp;
  options?: RunOptions;
}

/** Runs one after the other; what is not said must be empty, and the exit code 0. */
export async function expectAll(gantry: Gantry, cases: readonly Case[]): Promise<void> {
  for (const { args, code = 0, stdout = "", stderr = "", options = {} } of cases) {
    const result = await gantry.run(args, options);
    const said = `gantry ${args.join(" ")}: ${JSON.stringify(result)}`;
    assert.equal(result.code, code, said);
    for (const [got, wanted] of [
      [result.stdout, stdout],
      [result.stderr, stderr],
    ] as const) {
      if (typeof wanted === "string") assert.equal(got, wanted, said);
      else assert.match(got, wanted, said);
    }
  }
}

/** Text of several lines, each with its end. */
export const lines = (...texts: string[]): string => texts.map((text) => `${text}\n`).join("");
