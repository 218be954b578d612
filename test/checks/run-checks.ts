import { join } from "node:path";
import { checkBreaking } from "./breaking.ts";
import { CommandError, runCommand } from "../../deploy/local/process/run-command.ts";
import type { Totals } from "../runner/print.ts";
import { checkStyle } from "./style.ts";

const TOOL_TIMEOUT_MS = 300_000;

interface Check {
  name: string;
  /** Throws what is wrong; a text that it gives is a remark. */
  run: (root: string) => Promise<string | void>;
}

const CHECKS: readonly Check[] = [
  { name: "types (tsc)", run: tool("tsc", ["-p", "."]) },
  { name: "lint (oxlint)", run: tool("oxlint", ["--deny-warnings"]) },
  { name: "format (oxfmt)", run: tool("oxfmt", ["--check"]) },
  { name: "proto lint (buf)", run: tool("buf", ["lint"], "proto") },
  { name: "proto compatible with main (buf)", run: checkBreaking },
  { name: "style rules", run: checkStyle },
];

/** Runs every check, also after one failed, and prints what is wrong. */
export async function runChecks(root: string, print: (line: string) => void): Promise<Totals> {
  print("checks");
  const totals = { passed: 0, failed: 0 };
  for (const { name, run } of CHECKS) {
    const started = performance.now();
    const time = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
    try {
      const remark = await run(root);
      print(`✔ ${name}  (${time()})${remark ? `\n  ${remark.replaceAll("\n", "\n  ")}` : ""}`);
      totals.passed++;
    } catch (error) {
      const said = error instanceof CommandError ? `${error.stdout}${error.stderr}` : String((error as Error).message);
      print(`✖ ${name}  (${time()})\n${said.trimEnd()}`);
      totals.failed++;
    }
  }
  return totals;
}

function tool(name: string, args: string[], folder = "."): (root: string) => Promise<void> {
  return async (root) => {
    const binary = join(root, "node_modules", ".bin", name);
    await runCommand(binary, args, { timeoutMs: TOOL_TIMEOUT_MS, cwd: join(root, folder) });
  };
}
