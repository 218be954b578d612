import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { waitUntil } from "../../../deploy/local/process/wait-until.ts";
import { registerProcess } from "../../support/cleanup.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const COMMAND_TIMEOUT_MS = 120_000;
const DISPOSE_TIMEOUT_MS = 60_000;

export interface Ended {
  code: number | null;
  output: string;
}

/** `npm start`, npm itself included. */
export class NpmStart implements AsyncDisposable {
  readonly child: ChildProcess;
  #output = "";

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn("npm", ["start", "--", ...args], {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      // Signals go to it as from a terminal: to its whole group.
      detached: true,
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream!.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    }
    if (this.child.pid !== undefined) registerProcess(this.child.pid);
  }

  get output(): string {
    return this.#output;
  }

  async waitFor(text: RegExp, timeoutMs: number): Promise<void> {
    await waitUntil(
      async () => {
        if (text.test(this.#output)) return true;
        if (this.child.exitCode !== null) throw new Error(`it ended with exit code ${this.child.exitCode}`);
        return undefined;
      },
      { what: `${text} in the output of npm start:\n${this.#output}\n…`, timeoutMs },
    );
  }

  /** Ctrl-C, pressed twice. */
  async interrupt(): Promise<Ended> {
    process.kill(-this.child.pid!, "SIGINT");
    process.kill(-this.child.pid!, "SIGINT");
    return this.end();
  }

  /** Process ids of what npm runs. */
  get runs(): number[] {
    const pid = this.child.pid!;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  }

  /** Of its whole group: npm may have ended before what it runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#signalGroup("SIGINT")) return;
    const timeoutMs = DISPOSE_TIMEOUT_MS;
    await waitUntil(async () => !this.#signalGroup(0) || undefined, { what: "end of what npm start runs", timeoutMs });
  }

  /** False when none of the group is left. */
  #signalGroup(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-this.child.pid!, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      return false;
    }
  }

  async end(): Promise<Ended> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "exit");
    return { code: this.child.exitCode, output: this.#output };
  }
}

/** The gantry command, as its users start it. */
export function gantry(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const file = join(root, "gateway/cli/bin.js");
    execFile("node", [file, ...args], { env, timeout: COMMAND_TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error) reject(new Error(`gantry ${args.join(" ")}: ${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
}
