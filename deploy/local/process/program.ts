import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setNiceness } from "./priority.ts";
import { waitUntil } from "./wait-until.ts";

export interface ProgramSpec {
  name: string;
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Standard output and error are appended to it; its folder is there. */
  logPath: string;
  /** Resolves once it does its work; rejects while it does not yet. */
  isReady: (signal: AbortSignal) => Promise<void>;
  readyTimeoutMs: number;
  stopSignal: NodeJS.Signals;
  /** Killed when it has not ended after this time. */
  stopTimeoutMs: number;
  /** What it gets when this process dies without stopping it. */
  orphanSignal: NodeJS.Signals;
  /** An open file that it inherits as descriptor 3. */
  inheritFd?: number;
  /** Below 0: it gets the processor before others, where we are root. */
  nice?: number;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export class StartError extends Error {
  readonly exit: Exit | undefined;

  constructor(message: string, exit: Exit | undefined, cause?: unknown) {
    super(message, { cause });
    this.name = "StartError";
    this.exit = exit;
  }
}

/** One run of a program as a child of this process, which it never outlives. */
export class Program {
  readonly spec: ProgramSpec;
  readonly pid: number;
  readonly ended: Promise<Exit>;
  #exit: Exit | undefined;
  readonly #child: ChildProcess;

  private constructor(spec: ProgramSpec, child: ChildProcess) {
    this.spec = spec;
    this.#child = child;
    this.pid = child.pid!;
    this.ended = new Promise((resolve) => {
      child.on("exit", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Starts it and waits until it is ready. When that fails, it has been stopped again. */
  static async start(spec: ProgramSpec, signal?: AbortSignal): Promise<Program> {
    const program = await Program.launch(spec);
    try {
      await program.waitReady(signal);
      return program;
    } catch (error) {
      await program.stop();
      throw error;
    }
  }

  /** Starts it without waiting. */
  static async launch(spec: ProgramSpec): Promise<Program> {
    const log = openSync(spec.logPath, "a", 0o600);
    try {
      // Of its own session, so that Ctrl-C reaches only us and the order of stopping is ours.
      const child = spawn("setpriv", ["--pdeathsig", spec.orphanSignal, "--", spec.command, ...spec.args], {
        env: spec.env,
        stdio: ["ignore", log, log, ...(spec.inheritFd === undefined ? [] : [spec.inheritFd])],
        detached: true,
      });
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", (error) => reject(new StartError(`${spec.name}: ${error.message}`, undefined, error)));
      });
      if (spec.nice !== undefined) setNiceness(child.pid!, spec.nice);
      return new Program(spec, child);
    } finally {
      closeSync(log);
    }
  }

  async waitReady(signal?: AbortSignal): Promise<void> {
    const { name, isReady, readyTimeoutMs, logPath } = this.spec;
    const dead = new AbortController();
    void this.ended.then((exit) =>
      dead.abort(new StartError(`${name} ended at its start (${describeExit(exit)}); see ${logPath}`, exit)),
    );
    await waitUntil(
      async (waiting) => {
        await isReady(waiting);
        return true;
      },
      {
        what: `${name} is not ready (see ${logPath})`,
        timeoutMs: readyTimeoutMs,
        signal: signal ? AbortSignal.any([signal, dead.signal]) : dead.signal,
      },
    );
  }

  /** Lets this process end while it runs. */
  unref(): void {
    this.#child.unref();
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#child.kill(signal);
  }

  /** Asks it to end, kills it when it does not, and waits for its end. */
  async stop(): Promise<Exit> {
    if (this.#exit) return this.#exit;
    this.#child.kill(this.spec.stopSignal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), this.spec.stopTimeoutMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }
}

export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
