import type { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { listAll, resourceKinds } from "../resources.ts";

/** Words for the shell, one a line, for the command line so far (the last word is the one being typed). */
const scripts: Record<string, string> = {
  bash: `_gantry() {
  local IFS=$'\\n'
  COMPREPLY=($(gantry __complete "\${COMP_WORDS[@]:1:$COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _gantry gantry`,
  zsh: `#compdef gantry
_gantry() {
  local -a words_found
  words_found=("\${(@f)$(gantry __complete "\${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  compadd -a words_found
}
compdef _gantry gantry`,
  fish: `complete -c gantry -f -a '(gantry __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'`,
};

export function register(program: Command, cli: Cli): void {
  program
    .command("completion")
    .description("completion for a shell: source <(gantry completion bash), gantry completion fish | source")
    .argument("<shell>", "bash, zsh or fish")
    .action((shell: string) => {
      const script = scripts[shell];
      if (!script) throw new UsageError(`no completion for "${shell}"; known: ${Object.keys(scripts).join(", ")}`);
      cli.print(script);
    });
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const candidates = await complete(program, cli, words);
      if (candidates.length > 0) cli.print(candidates.join("\n"));
    });
}

export async function complete(program: Command, cli: Cli, words: readonly string[]): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  let command = program;
  const rest: string[] = [];
  for (const word of words.slice(0, -1)) {
    const next = command.commands.find((child) => child.name() === word || child.aliases().includes(word));
    if (next && rest.length === 0) command = next;
    else if (!word.startsWith("-")) rest.push(word);
  }
  const matching = (candidates: string[]) => candidates.filter((candidate) => candidate.startsWith(typed)).toSorted();
  if (typed.startsWith("-")) return matching(optionsOf(command).concat(command === program ? [] : optionsOf(program)));
  if (command.commands.length > 0) {
    return matching(command.commands.filter((child) => !child.name().startsWith("__")).map((child) => child.name()));
  }
  return matching(await operands(cli, command.name(), rest));
}

const optionsOf = (command: Command) =>
  command.options.filter((option: Option) => option.long).map((option) => option.long ?? "");
const instanceCommands = [
  "start",
  "stop",
  "restart",
  "pause",
  "resume",
  "resize",
  "exec",
  "logs",
  "stats",
  "docker-env",
];

async function operands(cli: Cli, command: string, before: readonly string[]): Promise<string[]> {
  if (instanceCommands.includes(command)) return names(cli, "instance");
  if (command === "cancel") return names(cli, "operation");
  if (command === "cordon" || command === "uncordon") return names(cli, "host");
  if (["get", "describe", "delete", "label"].includes(command)) {
    const [kind] = before;
    return kind === undefined ? resourceKinds.map((known) => known.plural) : names(cli, kind);
  }
  if (command === "wait") return (await names(cli, "instance")).map((id) => `instance/${id}`);
  if (command === "completion") return Object.keys(scripts);
  return [];
}

async function names(cli: Cli, word: string): Promise<string[]> {
  const kind = resourceKinds.find(
    (known) => known.singular === word || known.plural === word || known.aliases.includes(word),
  );
  if (!kind) return [];
  const items = await listAll(kind, cli.connection, { project: cli.project, allProjects: false, labelSelector: "" });
  return items.map((item) => kind.name(item).split("/").pop() ?? "");
}
