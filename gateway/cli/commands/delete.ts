import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { listAll } from "../resources.ts";
import { parseTargets, type Target } from "../targets.ts";
import { ForgottenContexts } from "./forgotten-contexts.ts";
import { addDrainOptions, type DrainOptions, removeNodes } from "./remove-nodes.ts";
import { type OperationRun, runOperations } from "./run-operations.ts";

interface Options extends DrainOptions {
  all?: boolean;
  selector?: string;
  wait?: boolean;
}

export function register(program: Command, cli: Cli): void {
  const command = program
    .command("delete")
    .alias("del")
    .summary("delete resources")
    .description(
      "Deletes instances and clusters (with what they store), nodes and snapshots of clusters, projects, mirrors, and " +
        "the records of ended operations. Of a cluster also the context that kubeconfig --merge has made.\n" +
        "  gantry delete instance web db        gantry delete instances -l tier=test\n" +
        "  gantry delete instances --all        gantry delete node dev-worker2",
    )
    .argument("<kind>", "kind, or kind/name")
    .argument("[names...]", "names")
    .option("--all", "all of the kind in the project")
    .option("-l, --selector <labels>", "those that match a label selector")
    .option("--no-wait", "return at once with the operations' names");
  addDrainOptions(command).action(async (kindWord: string, names: string[], options: Options) => {
    const targets = await selectTargets(cli, [kindWord, ...names], options);
    const isNode = ({ kind }: Target) => kind.singular === "node";
    if ((options.force || options.drainTimeout !== undefined) && !targets.every(isNode))
      throw new UsageError("--force and --drain-timeout are of nodes");
    const contexts = new ForgottenContexts(cli);
    const wait = options.wait ?? true;
    const others = targets.filter((target) => !isNode(target));
    const runs = others.flatMap((target) => deletion(cli, target, contexts) ?? []);
    for (const target of others) {
      if (deletion(cli, target, contexts) === undefined) await deleteNow(cli, target);
    }
    if (runs.length > 0) await runOperations(cli, runs, "deleted", wait);
    contexts.tell();
    await removeNodes(
      cli,
      targets.filter(isNode).map(({ name }) => name),
      options,
      wait,
    );
  });
}

async function selectTargets(cli: Cli, words: string[], options: Options): Promise<Target[]> {
  const targets = parseTargets(words, cli.project);
  const many = options.all || options.selector !== undefined;
  if (targets.length > 0 && many) throw new UsageError("either names, or --all or --selector");
  if (targets.length > 0) return targets;
  if (!many) throw new UsageError("name what to delete, or say --all or --selector");
  const { kind } = parseTargets([words[0] ?? "", "-"], cli.project)[0] as Target;
  const query = { project: cli.project, allProjects: false, labelSelector: options.selector ?? "", cluster: "" };
  return (await listAll(kind, cli.connection, query)).map((item) => ({ kind, name: kind.name(item) }));
}

/** Of what takes its time to delete; undefined: what is gone at once. */
function deletion({ connection }: Cli, { kind, name }: Target, contexts: ForgottenContexts): OperationRun | undefined {
  const label = `${kind.singular}/${name.split("/").pop()}`;
  const request = { name, etag: "", requestId: randomUUID() };
  switch (kind.singular) {
    case "instance":
      return { label, start: () => connection.call(connection.compute, connection.compute.deleteInstance, request) };
    case "cluster":
      return {
        label,
        start: async () => {
          const client = await connection.cluster();
          const forget = await contexts.of(name);
          const operation = await connection.call(client, client.deleteCluster, request);
          await forget();
          return operation;
        },
      };
    case "clustersnapshot":
      return {
        label,
        start: async () => {
          const client = await connection.cluster();
          return connection.call(client, client.deleteClusterSnapshot, request);
        },
      };
    default:
      return undefined;
  }
}

async function deleteNow(cli: Cli, { kind, name }: Target): Promise<void> {
  const { connection } = cli;
  const request = { name, etag: "" };
  if (kind.singular === "project") await connection.call(connection.compute, connection.compute.deleteProject, request);
  else if (kind.singular === "mirror")
    await connection.call(connection.compute, connection.compute.deleteMirror, request);
  else if (kind.singular === "operation")
    await connection.call(connection.operations, connection.operations.deleteOperation, { name });
  else throw new UsageError(`${kind.plural} cannot be deleted`);
  cli.print(`${kind.singular}/${name.split("/").pop()} deleted`);
}
