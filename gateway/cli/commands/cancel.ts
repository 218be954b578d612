import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { findKind } from "../resources.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("cancel")
    .description("cancel operations: what they did is undone")
    .argument("<operations...>", "operations, by id or name")
    .action(async (words: string[]) => {
      const kind = findKind("operation");
      const { connection } = cli;
      for (const word of words) {
        const name = kind.fullName(word.replace(/^operations?\//, ""), cli.project);
        if (name.split("/").length > 4) throw new UsageError(`"${word}" is not an operation's name`);
        const label = `operation/${name.split("/").pop()}`;
        const { done } = await connection.call(connection.operations, connection.operations.getOperation, { name });
        if (!done) await connection.call(connection.operations, connection.operations.cancelOperation, { name });
        cli.print(done ? `${label} has ended already` : `${label} asked to stop`);
      }
    });
}
