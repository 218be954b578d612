import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** In the order of running: what fails fastest comes first. */
export type Phase = "unit" | "integration" | "e2e";

export interface TestFile {
  /** Below the checkout. */
  path: string;
  phase: Phase;
}

interface PhaseRules {
  phase: Phase;
  timeoutMs: number;
  /** Files at the same time, at most; bounded by the processors too. */
  concurrencyMax: number;
}

export const PHASES: readonly PhaseRules[] = [
  { phase: "unit", timeoutMs: 120_000, concurrencyMax: 8 },
  { phase: "integration", timeoutMs: 600_000, concurrencyMax: 4 },
  // These start a whole realm each and measure how long it takes to recover.
  { phase: "e2e", timeoutMs: 1_800_000, concurrencyMax: 1 },
];

const USES_SUPPORT = /from "(\.\.?\/)+(support|images)\//;

/** Test files whose path contains one of the filters; all when there is none. */
export function findTestFiles(root: string, filters: readonly string[]): TestFile[] {
  return globSync("test/**/*.test.ts", { cwd: root })
    .sort()
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .map((path) => ({ path, phase: phaseOf(path, readFileSync(join(root, path), "utf8")) }));
}

export function phaseOf(path: string, source: string): Phase {
  if (/^test\/(e2e|chaos)\//.test(path)) return "e2e";
  if (path.startsWith("test/support/")) return "integration";
  return USES_SUPPORT.test(source) ? "integration" : "unit";
}
