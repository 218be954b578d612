import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { errorText } from "../output/error.ts";
import { formatItems } from "../output/print.ts";
import { findKind, isCalled, kindWords, listAll } from "../resources.ts";
import { kubernetesKinds } from "../resources/kubernetes.ts";
import { parseTargets } from "../targets.ts";
import { getKubernetes } from "./get-kubernetes.ts";

export interface GetOptions {
  selector?: string;
  allProjects?: boolean;
  cluster?: string;
  namespace?: string;
}

export function register(program: Command, cli: Cli): void {
  program
    .command("get")
    .summary("show resources")
    .description(
      `Shows resources of a kind:\n${wrapped(kindWords)}\n` +
        "  gantry get instances -A -o wide      gantry get instance web db -o yaml\n  gantry get host/rack1-07\n" +
        "  gantry get nodes --cluster dev       gantry get pods -A\n  gantry get pods --cluster dev -n kube-system",
    )
    .argument("<kind>", "kind, or kind/name")
    .argument("[names...]", "names; none: all of the kind")
    .option("-l, --selector <labels>", "only those that match a label selector, as in a=b,c!=d")
    .option("-A, --all-projects", "of all projects; of what clusters show: of all namespaces")
    .option("--cluster <name>", "of this cluster: nodes, pods, services...")
    .option("-n, --namespace <name>", "namespace of pods, services... (default: default)")
    .action(async (kindWord: string, names: string[], options: GetOptions) => {
      const format = cli.format;
      const [word = "", name] = kindWord.split("/");
      const observed = kubernetesKinds.find((kind) => isCalled(kind, word));
      if (observed) return getKubernetes(cli, observed, name === undefined ? names : [name, ...names], options);
      if (options.namespace !== undefined)
        throw new UsageError("--namespace goes with what clusters show: pods, services...");
      if (names.length === 0 && !kindWord.includes("/")) {
        const kind = findKind(kindWord, kubernetesKinds);
        const query = {
          project: cli.project,
          allProjects: options.allProjects ?? false,
          labelSelector: options.selector ?? "",
          cluster: options.cluster ?? "",
        };
        const items = await listAll(kind, cli.connection, query);
        const text = await formatItems(kind, items, format, false, query.allProjects ? ["PROJECT"] : []);
        if (text !== "") cli.print(text);
        return;
      }
      if (options.selector || options.allProjects || options.cluster)
        throw new UsageError("--selector, --all-projects and --cluster go with a kind alone, without names");
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

const LINE_CHARS = 76;

/** Words with commas between, a few lines of them. */
function wrapped(words: readonly string[]): string {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length + 2 <= LINE_CHARS) lines[lines.length - 1] = `${last}, ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines.join(",\n");
}
