import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { Cli } from "./cli.ts";
import { exitCodeOf, ExitCode, UsageError } from "./exit-codes.ts";
import { errorText } from "./output/error.ts";
import { formatsOf } from "./output/formats.ts";
import { type OutputFormat, parseFormat } from "./output/print.ts";

const examples = `
Examples:
  gantry add instance web                      a machine with a Docker engine inside
  gantry add instance db --image redis --memory 512Mi -- redis-server --save ""
  gantry get instances -o wide
  gantry add cluster dev --nodes 3             a Kubernetes cluster
  gantry kubeconfig dev --merge && kubectl get nodes
  gantry exec -it web -- sh
  eval "$(gantry instance docker-env web)" && docker ps
  gantry mirror default                        everything of a project, live
  gantry delete instance web

Options may stand anywhere. "gantry help <command>" tells more of a command.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 timed out,
  5 not allowed, 6 no answer, 7 conflict or busy, 130 interrupted;
  exec ends as its command does.`;

const globalHint = `
Options of every command (see gantry --help):
  -p <project>  -o <format>  --context <name>  --timeout <duration>  -q`;

/** A signal sent to the whole process group comes twice: from the terminal, and handed on by the process that started this one. */
const SAME_SIGNAL_MS = 300;

interface CommandModule {
  register(program: Command, cli: Cli): void;
}

/** Which module knows which commands. Only the one that is called is loaded: that is half of a short command's time. */
const modules: [words: string[], load: () => Promise<CommandModule>][] = [
  [["get"], () => import("./commands/get.ts")],
  [["describe"], () => import("./commands/describe.ts")],
  [["create", "add"], () => import("./commands/create.ts")],
  [["apply"], () => import("./commands/apply.ts")],
  [["delete", "del"], () => import("./commands/delete.ts")],
  [["start", "stop", "restart", "pause", "resume"], () => import("./commands/lifecycle.ts")],
  [["resize"], () => import("./commands/resize.ts")],
  [["update"], () => import("./commands/update-node.ts")],
  [["scale"], () => import("./commands/scale.ts")],
  [["load"], () => import("./commands/load.ts")],
  [["upgrade", "snapshot", "restore", "adopt", "fork"], () => import("./commands/cluster-changes.ts")],
  [["label", "cordon", "uncordon"], () => import("./commands/label.ts")],
  [["kubeconfig"], () => import("./commands/kubeconfig.ts")],
  [["exec"], () => import("./commands/exec.ts")],
  [["logs"], () => import("./commands/logs.ts")],
  [["stats", "top"], () => import("./commands/stats.ts")],
  [["cp"], () => import("./commands/cp.ts")],
  [["instance"], () => import("./commands/docker-env.ts")],
  [["watch"], () => import("./commands/watch.ts")],
  [["mirror"], () => import("./commands/mirror.ts")],
  [["wait"], () => import("./commands/wait.ts")],
  [["cancel"], () => import("./commands/cancel.ts")],
  [["config"], () => import("./commands/config.ts")],
  [["completion"], () => import("./commands/completion.ts")],
];

/** The module of the command that the line calls; all of them where it calls none: for help, suggestions and completion. */
async function loadCommands(program: Command, args: readonly string[]): Promise<CommandModule[]> {
  const word = firstOperand(program, args);
  const wanted = modules.filter(([words]) => word !== undefined && words.includes(word));
  return Promise.all((wanted.length > 0 ? wanted : modules).map(([, load]) => load()));
}

function firstOperand(program: Command, args: readonly string[]): string | undefined {
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? "";
    if (!word.startsWith("-")) return word;
    if (program.options.some((option) => option.required && (option.long === word || option.short === word))) index++;
  }
  return undefined;
}

/** Runs one command line; the process's exit code is set, the process ends when its output is written. */
export async function run(args: string[], env: NodeJS.ProcessEnv): Promise<void> {
  const abort = new AbortController();
  const program = createProgram();
  const cli = new Cli(program, env, abort.signal);
  for (const { register } of await loadCommands(program, args)) register(program, cli);
  inherit(program, program);
  onSignals(abort);
  onOutputErrors();
  try {
    await program.parseAsync(args, { from: "user" });
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
}

function createProgram(): Command {
  const packageJson = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(packageJson) as { version: string };
  return new Command("gantry")
    .description("Containers on metal: instances, Kubernetes clusters, projects, hosts and their live state.")
    .version(version, "-V, --version")
    .option("--context <name>", "realm to talk to (see gantry config get-contexts)")
    .option("-p, --project <id>", "project (default: the context's, else default)")
    .option("-o, --output <format>", "table, wide, json, yaml or name, of commands that show resources")
    .option("--timeout <duration>", "longest wait, as in 90s or 5m (10m for operations, 30s for other calls)")
    .option("-q, --quiet", "no progress")
    .addHelpText("after", examples)
    .configureHelp({ subcommandTerm: (command) => [command.name(), ...command.aliases()].join(", ") });
}

function onSignals(abort: AbortController): void {
  let firstMs = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (!abort.signal.aborted) {
        firstMs = performance.now();
        process.exitCode = ExitCode.interrupted;
        abort.abort();
      } else if (performance.now() - firstMs > SAME_SIGNAL_MS) {
        // The second time at once, whatever still waits.
        process.exit(ExitCode.interrupted);
      }
    });
  }
}

/** `gantry ... | head` ends without a word, a full disk with one. */
function onOutputErrors(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(ExitCode.ok);
    process.stderr.write(`error: standard output cannot be written: ${error.message}\n`);
    process.exit(ExitCode.failed);
  });
  process.stderr.on("error", () => process.exit(ExitCode.failed));
}

/** The global options may stand behind the command too, where people type them. */
function inherit(program: Command, command: Command): void {
  command.exitOverride().showSuggestionAfterError();
  const path = pathOf(command);
  if (command !== program) command.addHelpText("after", globalHint);
  command.showHelpAfterError(`(${path} --help tells more)`);
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    for (const option of program.options) {
      const taken = child.options.some(
        (own) => own.long === option.long || (own.short !== undefined && own.short === option.short),
      );
      if (option.long !== "--version" && !taken)
        child.addOption(new Option(option.flags, option.description).hideHelp());
    }
    child.hook("preAction", () => {
      for (const option of program.options) {
        const name = option.attributeName();
        const value: unknown = child.getOptionValue(name);
        if (value !== undefined && child.getOptionValueSource(name) === "cli" && name !== "version")
          program.setOptionValue(name, value);
      }
      checkFormat(child, program.getOptionValue("output") as string | undefined);
    });
    // Waiting is what they do anyway; scripts may say so.
    if (child.options.some((option) => option.long === "--no-wait"))
      child.option("--wait", "wait until it is done (what happens without --no-wait too)");
    inherit(program, child);
  }
}

/** Better refused than ignored: whoever asked for a format reads it. */
function checkFormat(command: Command, text: string | undefined): void {
  // A group's hook runs too, for the command in it.
  if (text === undefined || command.commands.length > 0) return;
  const format = parseFormat(text);
  const known: readonly OutputFormat[] = formatsOf(pathOf(command).replace(/^gantry /, ""));
  if (known.includes(format)) return;
  const others = known.filter((each) => each !== "table");
  const instead = others.length === 0 ? "it has one form of output alone" : `it can be ${others.join(", ")}`;
  throw new UsageError(`-o ${format} is not for ${pathOf(command)}: ${instead}`);
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}
