import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { parseBytes, parseCpu } from "../quantity.ts";
import { parseInstances } from "../targets.ts";
import { runOperations } from "./run-operations.ts";

interface Options {
  cpus?: string;
  memory?: string;
  pids?: string;
  wait?: boolean;
}

export function register(program: Command, cli: Cli): void {
  program
    .command("resize")
    .description("change the limits of instances while they run")
    .argument("<names...>", "instances")
    .option("--cpus <n>", "processors, as in 2, 0.5 or 500m; 0: no limit")
    .option("--memory <size>", "memory, as in 512Mi; 0: no limit")
    .option("--pids <n>", "most processes and threads; 0: no limit")
    .option("--no-wait", "return at once with the operations' names")
    .action(async (words: string[], options: Options) => {
      const { cpus, memory, pids } = options;
      if (cpus === undefined && memory === undefined && pids === undefined)
        throw new UsageError("say at least one of --cpus, --memory, --pids");
      if (pids !== undefined && !/^\d{1,9}$/.test(pids)) throw new UsageError(`--pids ${pids}: not a whole number`);
      const { connection } = cli;
      const runs = parseInstances(words, cli.project).map((name) => ({
        label: `instance/${name.split("/").pop()}`,
        start: () =>
          connection.call(connection.compute, connection.compute.resizeInstance, {
            name,
            etag: "",
            requestId: randomUUID(),
            cpuMillis: cpus === undefined ? undefined : parseCpu(cpus, "--cpus"),
            memoryBytes: memory === undefined ? undefined : parseBytes(memory, "--memory"),
            pidsMax: pids === undefined ? undefined : BigInt(pids),
          }),
      }));
      await runOperations(cli, runs, "resized", options.wait ?? true);
    });
}
