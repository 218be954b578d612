import type { Command } from "commander";
import { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { toJson } from "../output/json.ts";
import { parseTargets } from "../targets.ts";
import {
  type ApplyOptions,
  changedMetaFields,
  changedSpecFields,
  getOrUndefined,
  newRequestId,
  type Wanted,
} from "./apply.ts";
import { addNodeOptions, changedNode, type NodeOptions } from "./node-options.ts";
import { runOperations } from "./run-operations.ts";

interface Options extends NodeOptions {
  wait?: boolean;
}

export function register(program: Command, cli: Cli): void {
  const command = program
    .command("update")
    .summary("change nodes of a cluster while they run")
    .description(
      "Changes labels, taints, limits, ports and mounts of nodes while they run.\n" +
        "  gantry update node dev-worker --label disk=fast --memory 2Gi\n" +
        "  gantry update node/dev-control-plane --publish 8080:30080 --mount /srv/data:/data:ro",
    )
    .argument("<names...>", "node dev-worker, or node/dev-worker");
  addNodeOptions(command)
    .option("--no-wait", "return at once with the operation's name")
    .action(async (words: string[], options: Options) => {
      const targets = parseTargets(words, cli.project);
      const other = targets.find(({ kind }) => kind.singular !== "node");
      if (other) throw new UsageError(`${other.kind.plural} cannot do that, only nodes`);
      if (targets.length === 0) throw new UsageError("name a node, as in: node dev-worker");
      if (options.wait === false && targets.length > 1)
        throw new UsageError("--no-wait changes one node at most: one operation at a time runs on a cluster");
      for (const { kind, name } of targets) {
        const node = (await kind.get(cli.connection, name)) as Node;
        const { spec, mask } = changedNode(node.spec!, options);
        if (!(await update(cli, { ...node, spec }, mask, options.wait ?? true))) return;
      }
    });
}

/** A node that is there; they come and go with their clusters. */
export async function applyNode(cli: Cli, wanted: Wanted, options: ApplyOptions): Promise<void> {
  const node = Node.decode(wanted.bytes);
  const id = wanted.name.split("/").pop();
  const current = await getOrUndefined(wanted.kind, cli, wanted.name);
  if (current === undefined) throw new UsageError(`node/${id} is not there: gantry scale adds nodes to a cluster`);
  const json = toJson(wanted.kind, current);
  const changed = [...changedSpecFields(wanted, json), ...changedMetaFields(wanted, json)];
  if (changed.length === 0) cli.print(`node/${id} unchanged`);
  else if (options.dryRun) cli.print(`node/${id} would change: ${changed.join(", ")}`);
  else await update(cli, node, changed, true);
}

async function update(cli: Cli, node: Node, updateMask: string[], wait: boolean): Promise<boolean> {
  const client = await cli.connection.cluster();
  const label = `node/${node.meta!.name.split("/").pop()}`;
  const start = () => cli.connection.call(client, client.updateNode, { node, updateMask, requestId: newRequestId() });
  return runOperations(cli, [{ label, start }], "updated", wait);
}
