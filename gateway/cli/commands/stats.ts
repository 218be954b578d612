import type { Command } from "commander";
import { InstanceUsage } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { codec } from "../../../services/common/codec/codec.ts";
import type { Cli } from "../cli.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatCpu, parseDurationMs } from "../quantity.ts";
import { parseInstances } from "../targets.ts";
import { toDuration } from "./instance-options.ts";
import { streamEnd } from "./stream-end.ts";

/** So that rows printed one by one stand below each other. */
const COLUMN_WIDTH_MIN = 13;
const ROWS_PER_HEADER = 20;

const columns = [
  { header: "INSTANCE", value: (u: InstanceUsage) => u.instance.split("/").pop() ?? "" },
  { header: "CPU", value: (u: InstanceUsage) => formatCpu(u.cpuMillis) },
  {
    header: "MEMORY",
    value: (u: InstanceUsage) =>
      `${formatBytes(u.memoryBytes)}/${u.memoryLimitBytes > 0n ? formatBytes(u.memoryLimitBytes) : "-"}`,
  },
  { header: "PIDS", value: (u: InstanceUsage) => String(u.pids) },
  {
    header: "NET IN/OUT",
    value: (u: InstanceUsage) => `${formatBytes(u.networkReceiveBytes)}/${formatBytes(u.networkTransmitBytes)}`,
  },
  {
    header: "BLOCK IN/OUT",
    value: (u: InstanceUsage) => `${formatBytes(u.blockReadBytes)}/${formatBytes(u.blockWriteBytes)}`,
  },
];

export function register(program: Command, cli: Cli): void {
  program
    .command("stats")
    .alias("top")
    .description("live usage of an instance")
    .argument("<name>", "instance")
    .option("--interval <duration>", "between samples (1s to 1h)", "5s")
    .option("--once", "one sample")
    .action(async (word: string, options: { interval: string; once?: boolean }) => {
      const [name = ""] = parseInstances([word], cli.project);
      const { connection } = cli;
      const stop = new AbortController();
      const json = cli.lineFormat === "json";
      let rows = 0;
      const tableRow = (usage: InstanceUsage) => {
        const [header = "", row = ""] = formatTable([usage], columns, COLUMN_WIDTH_MIN).split("\n");
        return rows++ % ROWS_PER_HEADER === 0 ? `${header}\n${row}` : row;
      };
      const request = { name, interval: toDuration(parseDurationMs(options.interval, "--interval")) };
      const stream = connection.compute.streamInstanceStats(request, connection.metadata());
      stream.on("data", (usage: InstanceUsage) => {
        cli.print(
          json
            ? JSON.stringify(codec.toJson("gantry.compute.v1.InstanceUsage", InstanceUsage.encode(usage).finish()))
            : tableRow(usage),
        );
        if (options.once) stop.abort();
      });
      await streamEnd(stream, AbortSignal.any([cli.signal, stop.signal]));
    });
}
