import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { complete } from "./complete.ts";

/** Words for the shell, one a line, for the command line so far (the last word is the one being typed). */
const scripts: Record<string, string> = {
  // Bash splits words at ":" and "=" too; here they are joined again, and what bash has taken already is cut off.
  bash: `_gantry() {
  local line=\${COMP_LINE:0:COMP_POINT} typed="" reply IFS=$' \\t\\n'
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  typed=\${words[-1]}
  IFS=$'\\n'
  COMPREPLY=()
  for reply in $(gantry __complete -- "\${words[@]:1}" 2>/dev/null); do
    [[ $typed == *[:=]* ]] && reply=\${reply#"\${typed%"\${typed##*[:=]}"}"}
    COMPREPLY+=("$reply")
  done
  [[ \${#COMPREPLY[@]} -eq 1 && ( \${COMPREPLY[0]} == */ || \${COMPREPLY[0]} == *= ) ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -o default -F _gantry gantry`,
  zsh: `#compdef gantry
_gantry() {
  local -a words_found
  words_found=("\${(@f)$(gantry __complete -- "\${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  if (( #words_found == 1 )) && [[ -z $words_found[1] ]]; then _files; else compadd -a words_found; fi
}
compdef _gantry gantry`,
  fish: `complete -c gantry -f -a '(gantry __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
complete -c gantry -n '__fish_seen_subcommand_from cp apply add create' -F`,
};

export function register(program: Command, cli: Cli): void {
  program
    .command("completion")
    .summary("completion of commands and names for a shell")
    .description(
      "Prints what makes a shell complete commands, options and names.\n" +
        "  bash: source <(gantry completion bash)\n  zsh:  source <(gantry completion zsh)\n  fish: gantry completion fish | source",
    )
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
