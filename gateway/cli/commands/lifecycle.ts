import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import type { ClusterServiceClient } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Cli } from "../cli.ts";
import type { Connection } from "../connection.ts";
import { parseDurationMs } from "../quantity.ts";
import { parseInstancesOr } from "../targets.ts";
import { toDuration } from "./instance-options.ts";
import { runOperations } from "./run-operations.ts";

interface Options {
  wait?: boolean;
  grace?: string;
}

interface Request {
  name: string;
  etag: string;
  requestId: string;
}

type Start = (connection: Connection, request: Request, options: Options) => Promise<Operation>;

interface Verb {
  name: string;
  done: string;
  description: string;
  instance: Start;
  /** Missing: clusters cannot do that. */
  cluster?: (client: ClusterServiceClient, connection: Connection, request: Request) => Promise<Operation>;
}

const verbs: Verb[] = [
  {
    name: "start",
    done: "started",
    description: "start stopped instances and clusters",
    instance: (c, request) => c.call(c.compute, c.compute.startInstance, request),
    cluster: (client, c, request) => c.call(client, client.startCluster, request),
  },
  {
    name: "stop",
    done: "stopped",
    description: "stop instances and clusters; what they store stays",
    instance: (c, request, options) =>
      c.call(c.compute, c.compute.stopInstance, {
        ...request,
        timeout: options.grace === undefined ? undefined : toDuration(parseDurationMs(options.grace, "--grace")),
      }),
    cluster: (client, c, request) => c.call(client, client.stopCluster, request),
  },
  {
    name: "restart",
    done: "restarted",
    description: "stop and start instances",
    instance: (c, request) => c.call(c.compute, c.compute.restartInstance, request),
  },
  {
    name: "pause",
    done: "paused",
    description: "freeze all processes of instances and clusters",
    instance: (c, request) => c.call(c.compute, c.compute.pauseInstance, request),
    cluster: (client, c, request) => c.call(client, client.pauseCluster, request),
  },
  {
    name: "resume",
    done: "resumed",
    description: "let paused instances and clusters go on",
    instance: (c, request) => c.call(c.compute, c.compute.resumeInstance, request),
    cluster: (client, c, request) => c.call(client, client.resumeCluster, request),
  },
];

export function register(program: Command, cli: Cli): void {
  for (const verb of verbs) {
    const command = program
      .command(verb.name)
      .description(verb.description)
      .argument(
        "<names...>",
        verb.cluster
          ? "instances or clusters: web, instance web db, cluster dev"
          : "instances: web, instance web db, instance/web",
      )
      .option("--no-wait", "return at once with the operations' names");
    if (verb.name === "stop")
      command.option("--grace <duration>", "between the stop and the kill signal of instances, for this stop");
    command.action(async (words: string[], options: Options) => {
      const targets = parseInstancesOr(verb.cluster ? ["cluster"] : [], words, cli.project);
      const runs = targets.map(({ kind, name }) => ({
        label: `${kind.singular}/${name.split("/").pop()}`,
        start: () => start(cli.connection, verb, kind.singular, name, options),
      }));
      await runOperations(cli, runs, verb.done, options.wait ?? true);
    });
  }
}

async function start(
  connection: Connection,
  verb: Verb,
  kind: string,
  name: string,
  options: Options,
): Promise<Operation> {
  const request = { name, etag: "", requestId: randomUUID() };
  if (kind !== "cluster" || !verb.cluster) return verb.instance(connection, request, options);
  return verb.cluster(await connection.cluster(), connection, request);
}
