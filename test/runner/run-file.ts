import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestResult } from "./reporter.ts";

export interface FileRun {
  path: string;
  durationMs: number;
  results: TestResult[];
  /** What the file printed. */
  output: string;
}

export interface RunFileOptions {
  root: string;
  path: string;
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
  signal: AbortSignal;
}

const OUTPUT_CHARS_SHOWN = 20_000;
const REPORTER = join(import.meta.dirname, "reporter.ts");

/** Runs one test file in a process of its own. A file that crashes, hangs or holds no test has failed. */
export async function runFile(options: RunFileOptions): Promise<FileRun> {
  const { root, path, timeoutMs, signal } = options;
  const dir = mkdtempSync(join(tmpdir(), "gantry-test-run-"));
  const resultsPath = join(dir, "results");
  const outputPath = join(dir, "output");
  const output = openSync(outputPath, "a");
  const started = performance.now();
  try {
    const child = spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        "--test-reporter",
        REPORTER,
        "--test-reporter-destination",
        resultsPath,
        join(root, path),
      ],
      { cwd: root, env: options.env, stdio: ["ignore", output, output], detached: true },
    );
    let timedOut = false;
    // With the children that it did not detach itself; those die with it or are removed by its reaper.
    const kill = (): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    };
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, timeoutMs);
    signal.addEventListener("abort", kill, { once: true });
    const exit = await new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code, exitSignal) => resolve({ code, signal: exitSignal }));
    });
    clearTimeout(timer);
    signal.removeEventListener("abort", kill);

    const results = readResults(resultsPath);
    const failure = fileFailure(results, exit, timedOut ? timeoutMs : undefined, signal.aborted);
    if (failure !== undefined) results.push({ name: path, outcome: "failed", durationMs: 0, detail: failure });
    const text = readFileSync(outputPath, "utf8");
    return { path, durationMs: performance.now() - started, results, output: text.slice(-OUTPUT_CHARS_SHOWN) };
  } finally {
    closeSync(output);
    rmSync(dir, { recursive: true, force: true });
  }
}

function readResults(path: string): TestResult[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.endsWith("}"))
    .map((line) => JSON.parse(line) as TestResult);
}

/** What is wrong with the file as a whole; undefined when its tests say it all. */
export function fileFailure(
  results: readonly TestResult[],
  exit: { code: number | null; signal: string | null },
  timeoutMs: number | undefined,
  interrupted: boolean,
): string | undefined {
  if (interrupted) return "interrupted";
  if (timeoutMs !== undefined) return `did not end within ${timeoutMs / 1000} s and was killed`;
  if (exit.signal !== null) return `was ended by ${exit.signal}`;
  const failed = results.some(({ outcome }) => outcome === "failed");
  if (exit.code !== 0 && !failed) return `ended with exit code ${exit.code} although no test failed`;
  if (results.length === 0) return "ran no test";
  return undefined;
}
