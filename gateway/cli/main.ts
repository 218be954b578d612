// The gantry command.
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { Cli } from "./cli.ts";
import { register as apply } from "./commands/apply.ts";
import { register as cancel } from "./commands/cancel.ts";
import { register as completion } from "./commands/completion.ts";
import { register as config } from "./commands/config.ts";
import { register as cp } from "./commands/cp.ts";
import { register as create } from "./commands/create.ts";
import { register as del } from "./commands/delete.ts";
import { register as describe } from "./commands/describe.ts";
import { register as dockerEnv } from "./commands/docker-env.ts";
import { register as exec } from "./commands/exec.ts";
import { register as get } from "./commands/get.ts";
import { register as label } from "./commands/label.ts";
import { register as lifecycle } from "./commands/lifecycle.ts";
import { register as logs } from "./commands/logs.ts";
import { register as mirror } from "./commands/mirror.ts";
import { register as resize } from "./commands/resize.ts";
import { register as stats } from "./commands/stats.ts";
import { register as wait } from "./commands/wait.ts";
import { register as watch } from "./commands/watch.ts";
import { exitCodeOf, ExitCode } from "./exit-codes.ts";
import { errorText } from "./output/error.ts";

const examples = `
Examples:
  gantry add instance web                      a machine with a Docker engine inside
  gantry add instance db --image redis --memory 512Mi -- redis-server --save ""
  gantry get instances -o wide
  gantry exec -it web -- sh
  eval "$(gantry instance docker-env web)" && docker ps
  gantry mirror default                        everything of a project, live
  gantry delete instance web

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 timed out, 5 not allowed, 6 no answer, 7 conflict or busy.`;

const version = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version;
const abort = new AbortController();
const program = new Command("gantry")
  .description("Containers on metal: instances, projects, hosts and their live state")
  .version(version, "-V, --version")
  .option("--context <name>", "realm to talk to (see gantry config get-contexts)")
  .option("-p, --project <id>", "project (default: the context's, else default)")
  .option("-o, --output <format>", "table, wide, json, yaml or name")
  .option("--timeout <duration>", "longest wait (10m for operations, 30s for other calls)")
  .option("-q, --quiet", "no progress")
  .addHelpText("after", examples)
  .showSuggestionAfterError()
  .exitOverride();
const cli = new Cli(program, process.env, abort.signal);
for (const register of [
  get,
  describe,
  create,
  apply,
  del,
  lifecycle,
  resize,
  label,
  exec,
  logs,
  stats,
  cp,
  dockerEnv,
  watch,
  mirror,
  wait,
  cancel,
  config,
  completion,
]) {
  register(program, cli);
}
inherit(program);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // The second time at once, whatever still waits.
    if (abort.signal.aborted) process.exit(ExitCode.interrupted);
    process.exitCode = ExitCode.interrupted;
    abort.abort();
  });
}
// `gantry ... | head` ends without a word.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(ExitCode.ok);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version come here too, with exit code 0; commander has printed what there was to say.
    process.exitCode = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  } else if (abort.signal.aborted) {
    process.exitCode = ExitCode.interrupted;
  } else {
    process.stderr.write(`error: ${errorText(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
} finally {
  cli.close();
}

/** The global options may stand behind the command too, where people type them. */
function inherit(command: Command): void {
  for (const child of command.commands) {
    child.exitOverride().showSuggestionAfterError();
    for (const option of program.options) {
      if (
        option.long === "--version" ||
        child.options.some((own) => own.long === option.long || (own.short && own.short === option.short))
      )
        continue;
      child.addOption(option);
    }
    child.hook("preAction", () => {
      for (const option of program.options) {
        const name = option.attributeName();
        const value: unknown = child.getOptionValue(name);
        if (value !== undefined && child.getOptionValueSource(name) === "cli" && name !== "version")
          program.setOptionValue(name, value);
      }
    });
    inherit(child);
  }
}
