/** `npm run check`: what can be said about the code without running it. */
import { join } from "node:path";
import { runChecks } from "./checks/run-checks.ts";

const { passed, failed } = await runChecks(join(import.meta.dirname, ".."), (line) =>
  process.stdout.write(`${line}\n`),
);
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
