import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { formatBytes } from "../quantity.ts";
import { parseClusterAnd } from "../targets.ts";
import { receiveTar } from "./receive-tar.ts";

/** `cluster dev [folder]`. */
export async function exportLogs(cli: Cli, words: readonly string[]): Promise<void> {
  const { name, rest } = parseClusterAnd(words, cli.project);
  const id = name.split("/").pop() ?? "";
  const [folder = `${id}-logs`, ...others] = rest;
  if (others.length > 0) throw new UsageError("name one cluster, and at most one folder");
  const { connection } = cli;
  // Before the folder is made: of a cluster that is not there nothing is left behind.
  const client = await connection.cluster();
  await connection.call(client, client.getCluster, { name });
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new UsageError(`${folder} cannot be made: ${(cause as Error).message}`, { cause });
  }
  const stream = client.exportLogs({ name }, connection.metadata());
  const bytes = await receiveTar(stream, { folder: resolve(folder), rename: undefined, called: folder }, cli.signal);
  cli.signal.throwIfAborted();
  cli.print(`cluster/${id}: ${formatBytes(BigInt(bytes))} of logs in ${folder}`);
}
