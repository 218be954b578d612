import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { Meta } from "../../../proto/gen/gantry/common/v1/meta.ts";
import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Host } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Mirror, Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { parseTargets, type Target } from "../targets.ts";
import { runOperations } from "./run-operations.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("label")
    .summary("set and remove labels")
    .description(
      "Sets (key=value) and removes (key-) labels.\n  gantry label instance web tier=front old-\n  gantry label host/rack1-07 zone=a",
    )
    .argument("<words...>", "kind name, or kind/name; then key=value or key-")
    .action(async (words: string[]) => {
      const changes = words.filter((word) => word.includes("=") || word.endsWith("-"));
      const named = words.filter((word) => !changes.includes(word));
      if (changes.length === 0) throw new UsageError("say what to change: key=value or key-");
      const targets = parseTargets(named, cli.project);
      if (targets.length === 0) throw new UsageError(`name what to label: ${named[0]} and its name, before the labels`);
      for (const target of targets) await relabel(cli, target, changes);
    });
  for (const [verb, unschedulable] of [
    ["cordon", true],
    ["uncordon", false],
  ] as const) {
    program
      .command(verb)
      .description(unschedulable ? "place nothing new on hosts" : "let hosts take new instances again")
      .argument("<hosts...>", "hosts, by id")
      .action(async (hosts: string[]) => {
        for (const id of hosts) await setUnschedulable(cli, id.includes("/") ? id : `hosts/${id}`, unschedulable);
      });
  }
}

async function relabel(cli: Cli, target: Target, changes: string[]): Promise<void> {
  const { connection } = cli;
  const { compute } = connection;
  const item = (await target.kind.get(connection, target.name)) as { meta: Meta };
  for (const change of changes) {
    const equals = change.indexOf("=");
    if (equals < 0) delete item.meta.labels[change.slice(0, -1)];
    else item.meta.labels[change.slice(0, equals)] = change.slice(equals + 1);
  }
  const common = { updateMask: ["meta.labels"], requestId: randomUUID() };
  const label = `${target.kind.singular}/${target.name.split("/").pop()}`;
  switch (target.kind.singular) {
    case "instance": {
      const start = () => connection.call(compute, compute.updateInstance, { ...common, instance: item as Instance });
      await runOperations(cli, [{ label, start }], "labeled", true);
      return;
    }
    case "host":
      await connection.call(compute, compute.updateHost, { ...common, host: item as Host });
      break;
    case "project":
      await connection.call(compute, compute.updateProject, { ...common, project: item as Project });
      break;
    case "mirror":
      await connection.call(compute, compute.updateMirror, { ...common, mirror: item as Mirror });
      break;
    case "cluster": {
      const client = await connection.cluster();
      await connection.call(client, client.updateCluster, { ...common, cluster: item as Cluster });
      break;
    }
    default:
      throw new UsageError(`labels of ${target.kind.plural} cannot be changed`);
  }
  cli.print(`${label} labeled`);
}

async function setUnschedulable(cli: Cli, name: string, unschedulable: boolean): Promise<void> {
  const { connection } = cli;
  const host = await connection.call(connection.compute, connection.compute.getHost, { name });
  const request = {
    host: { ...host, spec: { unschedulable } },
    updateMask: ["spec.unschedulable"],
    requestId: randomUUID(),
  };
  await connection.call(connection.compute, connection.compute.updateHost, request);
  cli.print(`${name} ${unschedulable ? "cordoned" : "uncordoned"}`);
}
