import type { FileRun } from "./run-file.ts";
import type { TestResult } from "./reporter.ts";

export interface Totals {
  passed: number;
  failed: number;
}

/** A skipped test proves nothing, so it does not pass. */
export function totalsOf(results: readonly TestResult[]): Totals {
  const passed = results.filter(({ outcome }) => outcome === "passed").length;
  return { passed, failed: results.length - passed };
}

export function describeRun(run: FileRun, options: { everyTest: boolean }): string {
  const { passed, failed } = totalsOf(run.results);
  const counts = failed === 0 ? `${passed} passed` : `${passed} passed, ${failed} FAILED`;
  const lines = [`${failed === 0 ? "✔" : "✖"} ${run.path}  (${counts}, ${(run.durationMs / 1000).toFixed(1)} s)`];
  for (const result of run.results) {
    if (result.outcome === "passed" && !options.everyTest) continue;
    const mark = result.outcome === "passed" ? "✔" : "✖";
    const note = result.outcome === "skipped" ? " (skipped: counts as failed)" : "";
    lines.push(`  ${mark} ${result.name}${note} (${result.durationMs.toFixed(0)} ms)`);
    if (result.detail !== undefined) lines.push(indent(result.detail, 6));
  }
  if (failed > 0 && run.output.trim() !== "") lines.push("  output:", indent(run.output.trimEnd(), 6));
  return lines.join("\n");
}

function indent(text: string, spaces: number): string {
  return text
    .split("\n")
    .map((line) => " ".repeat(spaces) + line)
    .join("\n");
}
