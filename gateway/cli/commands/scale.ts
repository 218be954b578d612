import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { NodeGroup, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { findKind, listAll } from "../resources.ts";
import { parseCluster } from "../targets.ts";
import { addDrainOptions, type DrainOptions, removeNodes } from "./remove-nodes.ts";
import { runOperations } from "./run-operations.ts";

interface Options extends DrainOptions {
  workers: string;
  wait?: boolean;
}

export function register(program: Command, cli: Cli): void {
  const command = program
    .command("scale")
    .summary("add or remove workers of a cluster")
    .description("Adds workers to a cluster, or removes its last ones.\n  gantry scale cluster dev --workers 5")
    .argument("<cluster...>", "cluster dev, or cluster/dev")
    .requiredOption("--workers <n>", "how many there shall be");
  addDrainOptions(command)
    .option("--no-wait", "return at once with the operation's name")
    .action(async (words: string[], options: Options) => scale(cli, parseCluster(words, cli.project), options));
}

/** The last workers go first. */
async function scale(cli: Cli, name: string, options: Options): Promise<void> {
  if (!/^\d{1,3}$/.test(options.workers)) throw new UsageError(`--workers ${options.workers}: not a whole number`);
  const wanted = Number(options.workers);
  const label = `cluster/${name.split("/").pop()}`;
  const wait = options.wait ?? true;
  const client = await cli.connection.cluster();
  const workers = await workersOf(cli, name);
  if (wanted === workers.length) {
    // A cluster that is not there has no workers either.
    await cli.connection.call(client, client.getCluster, { name });
    cli.print(`${label} unchanged`);
    return;
  }
  if (wanted > workers.length) {
    const nodes = NodeGroup.fromPartial({
      count: wanted - workers.length,
      spec: { role: NodeRole.NODE_ROLE_WORKER },
    });
    const request = { name, nodes, etag: "", requestId: randomUUID(), retain: false };
    const start = () => cli.connection.call(client, client.addNodes, request);
    await runOperations(cli, [{ label, start }], `scaled to ${wanted} worker${wanted === 1 ? "" : "s"}`, wait);
    return;
  }
  if (!wait && workers.length - wanted > 1)
    throw new UsageError("--no-wait removes one worker at most: they go one after the other");
  const number = (node: string) => Number(/\d*$/.exec(node)?.[0] || 1);
  const last = workers.toSorted((a, b) => number(b) - number(a)).slice(0, workers.length - wanted);
  await removeNodes(cli, last, options, wait);
}

async function workersOf(cli: Cli, name: string): Promise<string[]> {
  const [, project = "", , cluster = ""] = name.split("/");
  const query = { project, allProjects: false, labelSelector: "", cluster };
  const nodes = await listAll(findKind("node"), cli.connection, query);
  return nodes.filter((node) => node.spec?.role === NodeRole.NODE_ROLE_WORKER).map((node) => String(node.meta?.name));
}
