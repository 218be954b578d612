import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import type { Cli } from "../cli.ts";
import { parseDurationMs } from "../quantity.ts";
import { parseInstances } from "../targets.ts";
import { toDuration } from "./instance-options.ts";
import { runOperations } from "./run-operations.ts";

interface Options {
  wait?: boolean;
  grace?: string;
}

type Start = (
  cli: Cli,
  request: { name: string; etag: string; requestId: string },
  options: Options,
) => Promise<Operation>;

const verbs: { name: string; done: string; description: string; start: Start }[] = [
  {
    name: "start",
    done: "started",
    description: "start stopped instances",
    start: (cli, request) => cli.connection.call(cli.connection.compute, cli.connection.compute.startInstance, request),
  },
  {
    name: "stop",
    done: "stopped",
    description: "stop instances; what they store stays",
    start: (cli, request, options) =>
      cli.connection.call(cli.connection.compute, cli.connection.compute.stopInstance, {
        ...request,
        timeout: options.grace === undefined ? undefined : toDuration(parseDurationMs(options.grace, "--grace")),
      }),
  },
  {
    name: "restart",
    done: "restarted",
    description: "stop and start instances",
    start: (cli, request) =>
      cli.connection.call(cli.connection.compute, cli.connection.compute.restartInstance, request),
  },
  {
    name: "pause",
    done: "paused",
    description: "freeze all processes of instances",
    start: (cli, request) => cli.connection.call(cli.connection.compute, cli.connection.compute.pauseInstance, request),
  },
  {
    name: "resume",
    done: "resumed",
    description: "let paused instances go on",
    start: (cli, request) =>
      cli.connection.call(cli.connection.compute, cli.connection.compute.resumeInstance, request),
  },
];

export function register(program: Command, cli: Cli): void {
  for (const verb of verbs) {
    const command = program
      .command(verb.name)
      .description(verb.description)
      .argument("<names...>", "instances: web, instance web db, instance/web")
      .option("--no-wait", "return at once with the operations' names");
    if (verb.name === "stop")
      command.option("--grace <duration>", "between the stop and the kill signal, for this stop");
    command.action(async (words: string[], options: Options) => {
      const runs = parseInstances(words, cli.project).map((name) => ({
        label: `instance/${name.split("/").pop()}`,
        start: () => verb.start(cli, { name, etag: "", requestId: randomUUID() }, options),
      }));
      await runOperations(cli, runs, verb.done, options.wait ?? true);
    });
  }
}
