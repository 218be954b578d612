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
      const described: object[] = [];
      for (const { kind, name } of targets) described.push(await describe(cli, kind, name));
      if (cli.format === "json") {
        const [first] = described;
        cli.print(JSON.stringify(described.length === 1 ? first : described, null, 2));
      } else cli.print(described.map((one) => stringify(one).trimEnd()).join("\n---\n"));
    });
}

/** With `operation`, whole, where one runs on it. */
async function describe<T>(cli: Cli, kind: ResourceKind<T>, name: string): Promise<object> {
  const item = await kind.get(cli.connection, name);
  const value = toJson(kind, item) as { meta?: { operation?: string } };
  const running = value.meta?.operation;
  const operations = resourceKinds.find((known) => known.singular === "operation");
  if (!running || !operations) return value;
  return { ...value, operation: toJson(operations, await operations.get(cli.connection, running)) };
}
