import { once } from "node:events";
import { createReadStream } from "node:fs";
import type { Command } from "commander";
import type { Readable } from "node:stream";
import type { LoadImageRequest, LoadImageResponse } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { formatBytes } from "../quantity.ts";
import { findKind } from "../resources.ts";
import { parseClusterAnd } from "../targets.ts";
import { streamEnd } from "./stream-end.ts";

interface Options {
  node?: string[];
}

/** The service takes up to 1 MiB in one message. */
const PART_BYTES = 512 * 1024;
const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value];

export function register(program: Command, cli: Cli): void {
  program
    .command("load")
    .summary("put images into the nodes of a cluster")
    .description(
      "Gives the nodes of a cluster images of their host's engine, or an archive as docker save writes it.\n" +
        "  gantry load cluster dev app:1 db:2\n  gantry load cluster dev ./images.tar\n" +
        "  docker save app:1 | gantry load cluster dev -",
    )
    .argument("<words...>", "cluster dev (or cluster/dev), then images; or one file (/…, ./… or ….tar); or -")
    .option("--node <name>", "this node alone (repeatable)", collect)
    .action(async (words: string[], options: Options) => {
      const { name, rest } = parseClusterAnd(words, cli.project);
      const archives = rest.filter(isArchive);
      if (rest.length === 0) throw new UsageError("name images, or a file as docker save writes it");
      if (archives.length > 0 && rest.length > 1) throw new UsageError("either images, or one file");
      const nodes = (options.node ?? []).map((node) => nodeOf(cli, node, name));
      const images = archives.length > 0 ? [] : rest;
      await load(cli, { name, nodes, images }, archives[0]);
    });
}

/** No image is called so. */
const isArchive = (word: string) => word === "-" || /^[./]/.test(word) || /\.tar(\.[a-z0-9]+)?$|\.tgz$/.test(word);

function nodeOf(cli: Cli, node: string, cluster: string): string {
  const full = findKind("node").fullName(node.replace(/^nodes?\//, ""), cli.project);
  return full.startsWith(`${cluster}/nodes/`) ? full.slice(full.lastIndexOf("/") + 1) : node;
}

interface Start {
  name: string;
  nodes: string[];
  images: string[];
}

async function load(cli: Cli, start: Start, archive: string | undefined): Promise<void> {
  const label = `cluster/${start.name.split("/").pop()}`;
  const client = await cli.connection.cluster();
  const stream = client.loadImage(cli.connection.metadata());
  let last: LoadImageResponse | undefined;
  stream.on("data", (answer: LoadImageResponse) => {
    for (const node of answer.finishedNodes)
      if (!last?.finishedNodes.includes(node)) cli.hint(`node/${node} has ${archive === undefined ? "them" : "it"}`);
    last = answer;
  });
  const ended = streamEnd(stream, cli.signal);
  stream.write({ part: { $case: "start", value: start } });
  if (archive === undefined) {
    stream.end();
    await ended;
  } else await sendFile(archive, stream, ended);
  cli.signal.throwIfAborted();
  if (!last?.done) throw new UsageError(`${label}: the answer broke off`);
  const count = last.finishedNodes.length;
  cli.print(`${label}: ${formatBytes(last.bytes)} loaded into ${count} node${count === 1 ? "" : "s"}`);
}

interface Upload {
  write(request: LoadImageRequest): boolean;
  end(): void;
  cancel(): void;
}

/** Until the service has it all, or has said why it does not want it. */
async function sendFile(path: string, stream: Upload & NodeJS.EventEmitter, ended: Promise<void>): Promise<void> {
  const file: Readable = path === "-" ? process.stdin : createReadStream(path, { highWaterMark: PART_BYTES });
  let over = false;
  const stop = () => {
    over = true;
    file.destroy();
  };
  ended.then(stop, stop);
  const pump = async () => {
    try {
      for await (const chunk of file as AsyncIterable<Buffer>) {
        for (let offset = 0; offset < chunk.length; offset += PART_BYTES) {
          const data = chunk.subarray(offset, offset + PART_BYTES);
          if (!stream.write({ part: { $case: "data", value: data } }))
            await Promise.race([once(stream, "drain"), ended]);
        }
      }
    } catch (error) {
      // Stopped because the service had answered before the end: its answer counts.
      if (over) return;
      stream.cancel();
      throw new UsageError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
    }
    stream.end();
  };
  await Promise.all([pump(), ended]);
}
