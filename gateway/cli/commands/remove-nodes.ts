import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { Cli } from "../cli.ts";
import { parseDurationMs } from "../quantity.ts";
import { toDuration } from "./instance-options.ts";
import { runOperations } from "./run-operations.ts";

export interface DrainOptions {
  drainTimeout?: string;
  force?: boolean;
}

export function addDrainOptions(command: Command): Command {
  return command
    .option("--drain-timeout <duration>", "longest wait for the pods of a node that goes (default: 60s)")
    .option("--force", "remove nodes also where their pods cannot be evicted in time");
}

export const drainTimeoutOf = (text: string | undefined) =>
  text === undefined ? undefined : toDuration(parseDurationMs(text, "--drain-timeout"));

/** One after the other, up to the first that fails: one operation at a time runs on a cluster. */
export async function removeNodes(
  cli: Cli,
  names: readonly string[],
  { drainTimeout, force = false }: DrainOptions,
  wait: boolean,
): Promise<void> {
  const limit = drainTimeoutOf(drainTimeout);
  const client = await cli.connection.cluster();
  for (const name of names) {
    const request = { name, etag: "", requestId: randomUUID(), drainTimeout: limit, force };
    const start = () => cli.connection.call(client, client.removeNode, request);
    if (!(await runOperations(cli, [{ label: `node/${name.split("/").pop()}`, start }], "deleted", wait))) return;
  }
}
