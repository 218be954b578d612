import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { readContexts, writeContexts } from "../config/contexts.ts";
import { UsageError } from "../exit-codes.ts";
import { formatTable } from "../output/table.ts";

export function register(program: Command, cli: Cli): void {
  const config = program.command("config").description("which realm the command talks to");
  config
    .command("get-contexts")
    .description("list the known realms")
    .action(() => {
      const file = readContexts(cli.configPath);
      const rows = Object.entries(file.contexts).map(([name, context]) => ({
        name,
        context,
        current: name === file.current,
      }));
      cli.print(
        formatTable(rows, [
          { header: "CURRENT", value: (row) => (row.current ? "*" : "") },
          { header: "NAME", value: (row) => row.name },
          { header: "ADDRESS", value: (row) => row.context.address },
          { header: "PROJECT", value: (row) => row.context.project ?? "default" },
        ]),
      );
    });
  config
    .command("use-context")
    .description("choose the realm for later commands")
    .argument("<name>")
    .action((name: string) => {
      const file = readContexts(cli.configPath);
      if (!file.contexts[name])
        throw new UsageError(`no context "${name}"; known: ${Object.keys(file.contexts).join(", ") || "none"}`);
      writeContexts(cli.configPath, { ...file, current: name });
      cli.print(`now using ${name}`);
    });
  config
    .command("set-project")
    .description("choose the project for later commands in the current context")
    .argument("<project>")
    .action((project: string) => {
      const file = readContexts(cli.configPath);
      const context = file.contexts[file.current];
      if (!context) throw new UsageError("no current context");
      writeContexts(cli.configPath, {
        ...file,
        contexts: { ...file.contexts, [file.current]: { ...context, project } },
      });
      cli.print(`now using project ${project}`);
    });
}
