import type { Command } from "commander";
import { stringify } from "yaml";
import type { Cli } from "../cli.ts";
import { toJson } from "../output/json.ts";
import { resourceKinds } from "../resources.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { parseTargets } from "../targets.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("describe")
    .description("everything about resources, with the operation that runs on them")
    .argument("<kind>", "kind, or kind/name")
    .argument("[names...]", "names")
    .action(async (kindWord: string, names: string[]) => {
      const targets = parseTargets([kindWord, ...names], cli.project);
      const texts: string[] = [];
      for (const { kind, name } of targets) texts.push(await describe(cli, kind, name));
      cli.print(texts.join("\n---\n"));
    });
}

async function describe<T>(cli: Cli, kind: ResourceKind<T>, name: string): Promise<string> {
  const item = await kind.get(cli.connection, name);
  const value = toJson(kind, item) as { meta?: { operation?: string } };
  const lines = [stringify(value).trimEnd()];
  const running = value.meta?.operation;
  if (running) {
    const operations = resourceKinds.find((known) => known.singular === "operation");
    if (operations)
      lines.push(stringify({ operation: toJson(operations, await operations.get(cli.connection, running)) }).trimEnd());
  }
  return lines.join("\n");
}
