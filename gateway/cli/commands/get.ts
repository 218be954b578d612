import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { errorText } from "../output/error.ts";
import { formatItems } from "../output/print.ts";
import { findKind, listAll } from "../resources.ts";
import { parseTargets } from "../targets.ts";

interface Options {
  selector?: string;
  allProjects?: boolean;
}

export function register(program: Command, cli: Cli): void {
  program
    .command("get")
    .summary("show resources")
    .description(
      "Shows resources of a kind: instances, hosts, projects, mirrors, operations.\n" +
        "  gantry get instances -A -o wide      gantry get instance web db -o yaml\n  gantry get host/rack1-07",
    )
    .argument("<kind>", "kind (instances, hosts, projects, mirrors, operations), or kind/name")
    .argument("[names...]", "names; none: all of the kind")
    .option("-l, --selector <labels>", "only those that match a label selector, as in a=b,c!=d")
    .option("-A, --all-projects", "of all projects")
    .action(async (kindWord: string, names: string[], options: Options) => {
      const format = cli.format;
      if (names.length === 0 && !kindWord.includes("/")) {
        const kind = findKind(kindWord);
        const query = {
          project: cli.project,
          allProjects: options.allProjects ?? false,
          labelSelector: options.selector ?? "",
        };
        const items = await listAll(kind, cli.connection, query);
        const text = await formatItems(kind, items, format, false, query.allProjects);
        if (text !== "") cli.print(text);
        return;
      }
      if (options.selector || options.allProjects)
        throw new UsageError("--selector and --all-projects go with a kind alone, without names");
      const targets = parseTargets([kindWord, ...names], cli.project);
      const kinds = new Set(targets.map((target) => target.kind));
      for (const kind of kinds) {
        const wanted = targets.filter((target) => target.kind === kind);
        const results = await Promise.allSettled(wanted.map((target) => kind.get(cli.connection, target.name)));
        const items = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
        if (items.length > 0) cli.print(await formatItems(kind, items, format, wanted.length === 1));
        const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
        const [first, ...others] = failures;
        for (const error of others) process.stderr.write(`error: ${errorText(error)}\n`);
        if (first) throw first;
      }
    });
}
