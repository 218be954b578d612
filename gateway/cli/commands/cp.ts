import { once } from "node:events";
import { lstatSync } from "node:fs";
import { basename, dirname, resolve as resolvePath } from "node:path";
import { spawn } from "node:child_process";
import type { Command } from "commander";
import type { CopyFromInstanceResponse, CopyToInstanceResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { fromServiceError } from "../../../services/common/errors/status.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { formatBytes } from "../quantity.ts";
import { parseInstances } from "../targets.ts";
import { streamEnd } from "./stream-end.ts";

const PART_BYTES = 512 * 1024;

export function register(program: Command, cli: Cli): void {
  program
    .command("cp")
    .description("copy files and folders: gantry cp ./site web:/srv, gantry cp web:/var/log ./logs")
    .argument("<source>", "path, or instance:path")
    .argument("<target>", "folder, or instance:folder")
    .action(async (source: string, target: string) => {
      const from = splitRemote(source);
      const to = splitRemote(target);
      if (from && !to) await copyFrom(cli, from, target);
      else if (to && !from) await copyTo(cli, source, to);
      else throw new UsageError("one of the two must be instance:path, the other a path here");
    });
}

interface Remote {
  instance: string;
  path: string;
}

export function splitRemote(text: string): Remote | undefined {
  const match = /^([^:]+):(\/.*)$/s.exec(text);
  return match?.[1] && match[2] ? { instance: match[1], path: match[2] } : undefined;
}

async function copyTo(cli: Cli, source: string, to: Remote): Promise<void> {
  const path = resolvePath(source);
  try {
    lstatSync(path);
  } catch (cause) {
    throw new UsageError(`${source} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const [name = ""] = parseInstances([to.instance], cli.project);
  const tar = spawn("tar", ["-C", dirname(path), "-cf", "-", "--", basename(path)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const done = Promise.withResolvers<CopyToInstanceResponse>();
  const { connection } = cli;
  const stream = connection.compute.copyToInstance(connection.metadata(), (error, response) => {
    if (error) done.reject(fromServiceError(error));
    else done.resolve(response);
  });
  const cancel = () => stream.cancel();
  cli.signal.addEventListener("abort", cancel);
  stream.write({ part: { $case: "target", value: { name, path: to.path } } });
  const pump = async () => {
    for await (const chunk of tar.stdout as AsyncIterable<Buffer>) {
      for (let offset = 0; offset < chunk.length; offset += PART_BYTES) {
        const more = stream.write({ part: { $case: "data", value: chunk.subarray(offset, offset + PART_BYTES) } });
        if (!more) await Promise.race([once(stream, "drain"), done.promise]);
      }
    }
    const code = tar.exitCode ?? ((await once(tar, "close"))[0] as number);
    if (code !== 0) {
      stream.cancel();
      throw new UsageError(`tar of ${source} failed with exit code ${code}`);
    }
    stream.end();
  };
  try {
    const [response] = await Promise.all([done.promise, pump()]);
    process.stderr.write(`${formatBytes(response.bytes)} copied to ${to.instance}:${to.path}\n`);
  } finally {
    cli.signal.removeEventListener("abort", cancel);
    tar.kill();
  }
}

async function copyFrom(cli: Cli, from: Remote, target: string): Promise<void> {
  const [name = ""] = parseInstances([from.instance], cli.project);
  // What comes from an instance is not trusted: no absolute names, no owner, no devices outside the folder.
  const tar = spawn("tar", ["-C", resolvePath(target), "--no-same-owner", "--no-overwrite-dir", "-xf", "-"], {
    stdio: ["pipe", "inherit", "inherit"],
  });
  const closed = once(tar, "close");
  let received = 0;
  const { connection } = cli;
  const stream = connection.compute.copyFromInstance({ name, path: from.path }, connection.metadata());
  stream.on("data", ({ data }: CopyFromInstanceResponse) => {
    received += data.length;
    if (tar.stdin.write(data)) return;
    stream.pause();
    tar.stdin.once("drain", () => stream.resume());
  });
  // tar ended early: its exit code tells; the stream has nowhere to go.
  tar.stdin.on("error", () => stream.cancel());
  try {
    await streamEnd(stream, cli.signal);
    tar.stdin.end();
  } catch (error) {
    tar.stdin.destroy();
    await closed;
    throw error;
  }
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new UsageError(`unpacking into ${target} failed (tar exit code ${code})`);
  process.stderr.write(`${formatBytes(BigInt(received))} copied from ${from.instance}:${from.path}\n`);
}
