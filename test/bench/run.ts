/** `npm run bench -- NAME [OPTIONS]`: runs one benchmark of this folder; options are the benchmark's own. */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { setUpMachine } from "../runner/shared.ts";

const EXIT_USAGE = 2;

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}

const names = globSync("*.ts", { cwd: import.meta.dirname })
  .map((file) => basename(file, ".ts"))
  .filter((name) => name !== "run")
  .sort();
const [name, ...args] = process.argv.slice(2);

if (name === undefined || !names.includes(name)) {
  print(
    `npm run bench -- NAME [--json]\n\nNAME is one of ${names.join(", ")}; README.md in test/bench says what each measures.`,
  );
  process.exitCode = EXIT_USAGE;
} else {
  await setUpMachine(print);
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, `${name}.ts`), ...args],
    { stdio: "inherit" },
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  child.on("exit", (code) => {
    process.exitCode = code ?? 1;
  });
}
