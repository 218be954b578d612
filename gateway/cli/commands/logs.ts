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

export function register(program: Command, cli: Cli): void {
  program
    .command("logs")
    .description("what an instance's main process printed")
    .argument("<name>", "instance")
    .option("-f, --follow", "go on with what comes")
    .option("--tail <n>", "only the last n lines")
    .option("--since <duration>", "only lines of the last 5m, 1h...")
    .option("--timestamps", "the time before each line")
    .action(async (word: string, options: Options) => {
      const [name = ""] = parseInstances([word], cli.project);
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
