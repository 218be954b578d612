import type { Command } from "commander";
import { LogStream, type StreamInstanceLogsResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { parseDurationMs } from "../quantity.ts";
import { parseInstances } from "../targets.ts";
import { holdUntilDrained, streamEnd } from "./stream-end.ts";

interface Options {
  follow?: boolean;
  tail?: string;
  since?: string;
  timestamps?: boolean;
}

const ofInstances = ["follow", "tail", "since", "timestamps"] as const;

export function register(program: Command, cli: Cli): void {
  program
    .command("logs")
    .summary("what an instance's main process printed; logs of a cluster's nodes")
    .description(
      "Prints what an instance's main process printed. Of a cluster: unpacks the logs of all nodes and pods into a " +
        "folder, laid out as kind export logs does it.\n" +
        "  gantry logs web -f\n  gantry logs cluster dev           into ./dev-logs\n  gantry logs cluster dev /tmp/dev",
    )
    .argument("<words...>", "instance, or cluster dev (or cluster/dev) and the folder")
    .option("-f, --follow", "go on with what comes")
    .option("--tail <n>", "only the last n lines")
    .option("--since <duration>", "only lines of the last 5m, 1h...")
    .option("--timestamps", "the time before each line")
    .action(async (words: string[], options: Options) => {
      if (isOfCluster(words)) {
        const given = ofInstances.filter((name) => options[name] !== undefined);
        if (given.length > 0) throw new UsageError(`--${given.join(", --")}: of an instance's log`);
        await exportClusterLogs(cli, words);
        return;
      }
      const [name = "", ...others] = parseInstances(words, cli.project);
      if (others.length > 0) throw new UsageError("logs are of one instance");
      if (options.tail !== undefined && !/^\d{1,6}$/.test(options.tail))
        throw new UsageError(`--tail ${options.tail}: not a number of lines`);
      const { connection } = cli;
      const request = {
        name,
        follow: options.follow ?? false,
        tail: Number(options.tail ?? 0),
        sinceTime:
          options.since === undefined ? undefined : new Date(Date.now() - parseDurationMs(options.since, "--since")),
      };
      const stream = connection.compute.streamInstanceLogs(request, connection.metadata());
      stream.on("data", (batch: StreamInstanceLogsResponse) => {
        for (const line of batch.lines) {
          const target = line.stream === LogStream.LOG_STREAM_STDERR ? process.stderr : process.stdout;
          const time = options.timestamps ? `${line.time?.toISOString() ?? ""} ` : "";
          if (!target.write(Buffer.concat([Buffer.from(time), line.line, Buffer.from("\n")])))
            holdUntilDrained(stream, target);
        }
      });
      await streamEnd(stream, cli.signal);
    });
}

function isOfCluster([first = "", second]: readonly string[]): boolean {
  if (first.includes("/")) return /^(?:clusters?|projects\/[^/]+\/clusters)\/[^/]*$/.test(first);
  // One word alone is an instance, whatever it is called.
  return second !== undefined && /^clusters?$/.test(first);
}

/** Loaded where needed, as a cluster's messages are. */
async function exportClusterLogs(cli: Cli, words: readonly string[]): Promise<void> {
  const { exportLogs } = await import("./cluster-logs.ts");
  await exportLogs(cli, words);
}
