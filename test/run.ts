/** `npm test`: sets up what the tests need, runs the checks and every test file, and ends with the count. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runChecks } from "./checks/run-checks.ts";
import { findTestFiles, PHASES, type TestFile } from "./runner/files.ts";
import { forEachConcurrently } from "./runner/pool.ts";
import { describeRun, type Totals, totalsOf } from "./runner/print.ts";
import { preparationsOf } from "./runner/preparations.ts";
import { runFile } from "./runner/run-file.ts";
import { setUpMachine, type SharedServices, startShared } from "./runner/shared.ts";

const USAGE = `npm test [-- OPTIONS] [-- PART-OF-A-PATH...]

Runs the checks and the tests whose path contains one of the given parts (all, when none is given).
  --list       name the files that would run
  --verbose    name every test
  --no-check   without the checks (they run only when no part of a path is given)
`;

const root = join(import.meta.dirname, "..");
const totals: Totals = { passed: 0, failed: 0 };

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function count({ passed, failed }: Totals): void {
  totals.passed += passed;
  totals.failed += failed;
}

async function runPhases(files: readonly TestFile[], verbose: boolean, signal: AbortSignal): Promise<void> {
  let shared: SharedServices | undefined;
  const preparations = preparationsOf(
    root,
    files.map(({ path }) => path),
  );
  try {
    for (const { phase, timeoutMs, concurrencyMax } of PHASES) {
      const ofPhase = files.filter((file) => file.phase === phase);
      if (ofPhase.length === 0 || signal.aborted) continue;
      print(`\n${phase}: ${ofPhase.length} files`);
      if (phase !== "unit") shared ??= await startShared(print, preparations);
      const env = { ...process.env, ...shared?.env };
      await forEachConcurrently(ofPhase, Math.min(concurrencyMax, availableParallelism()), async ({ path }) => {
        if (signal.aborted) return;
        const run = await runFile({ root, path, env, timeoutMs, signal });
        count(totalsOf(run.results));
        print(describeRun(run, { everyTest: verbose }));
      });
    }
  } finally {
    await shared?.stop();
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    "no-check": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const files = findTestFiles(root, positionals);
if (values.help) {
  print(USAGE);
} else if (values.list) {
  for (const { phase, path } of files) print(`${phase.padEnd(12)}${path}`);
} else {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort(new Error(name)));
  const started = performance.now();
  try {
    await setUpMachine(print);
    if (positionals.length === 0 && !values["no-check"]) count(await runChecks(root, print));
    await runPhases(files, values.verbose, stop.signal);
  } catch (error) {
    print(`✖ the run itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    totals.failed++;
  }
  if (stop.signal.aborted) {
    print("✖ interrupted");
    totals.failed++;
  }
  if (totals.passed === 0) {
    print("✖ no test ran");
    totals.failed++;
  }
  print(`\n${((performance.now() - started) / 1000).toFixed(0)} s`);
  print(`${totals.passed} passed, ${totals.failed} failed`);
  process.exitCode = totals.failed === 0 ? 0 : 1;
}
