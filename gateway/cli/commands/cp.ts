import { once } from "node:events";
import { lstatSync, statSync } from "node:fs";
import { basename, dirname, posix, resolve as resolvePath } from "node:path";
import type { Command } from "commander";
import type { CopyToInstanceResponse } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { fromServiceError } from "../../../services/common/errors/status.ts";
import type { Cli } from "../cli.ts";
import { UsageError } from "../exit-codes.ts";
import { formatBytes } from "../quantity.ts";
import { parseInstances } from "../targets.ts";
import { receiveTar } from "./receive-tar.ts";
import { packTar } from "./tar.ts";

const PART_BYTES = 512 * 1024;

export function register(program: Command, cli: Cli): void {
  program
    .command("cp")
    .summary("copy files and folders to or from an instance")
    .description(
      "Copies a file or folder, as cp -a does: into the target where that is a folder, else to the target's name.\n" +
        "  gantry cp ./site web:/srv            gantry cp web:/var/log ./logs\n  gantry cp app.conf web:/etc/app.cfg",
    )
    .argument("<source>", "path, or instance:/path")
    .argument("<target>", "path, or instance:/path")
    .action(async (source: string, target: string) => {
      const from = splitRemote(source);
      const to = splitRemote(target);
      if (from && to) throw new UsageError("not from instance to instance: copy to a folder here first");
      if (from) await copyFrom(cli, from, target);
      else if (to) await copyTo(cli, source, to);
      else throw new UsageError("one of the two must be instance:/path (an absolute path), the other a path here");
    });
}

interface Remote {
  instance: string;
  path: string;
}

/** A path here may hold a colon too, behind a slash: `./a:/b`. */
export function splitRemote(text: string): Remote | undefined {
  const match = /^((?:projects\/[^/:]+\/instances\/|instance\/)?[^/:]+):(\/.*)$/s.exec(text);
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
  const bytes = await send(cli, path, basename(path), name, to.path).catch((error: unknown) => {
    if (!isMissing(error) || to.path.endsWith("/") || to.path === "/") throw error;
    // No such folder: then it is the new name, in the folder above.
    return send(cli, path, posix.basename(to.path), name, posix.dirname(to.path));
  });
  process.stderr.write(`${formatBytes(bytes)} copied to ${to.instance}:${to.path}\n`);
}

/** The target's folder is not there, or is a file. */
function isMissing(error: unknown): boolean {
  if (!(error instanceof GantryError)) return false;
  return error.reason === "PATH_NOT_FOUND" || error.violations.some(({ field }) => field === "target.path");
}

/** Unpacks `path` as `entry` into a folder of the instance; returns the bytes sent. */
async function send(cli: Cli, path: string, entry: string, instance: string, folder: string): Promise<bigint> {
  const done = Promise.withResolvers<CopyToInstanceResponse>();
  const { connection } = cli;
  const stream = connection.compute.copyToInstance(connection.metadata(), (error, response) => {
    if (error) done.reject(fromServiceError(error));
    else done.resolve(response);
  });
  const cancel = () => stream.cancel();
  cli.signal.addEventListener("abort", cancel);
  stream.write({ part: { $case: "target", value: { name: instance, path: folder } } });
  const tar = packTar(dirname(path), basename(path), entry);
  let over = false;
  const stop = () => {
    over = true;
    tar.kill();
  };
  done.promise.then(stop, stop);
  const pump = async () => {
    for await (const chunk of tar.output) {
      for (let offset = 0; offset < chunk.length; offset += PART_BYTES) {
        const more = stream.write({ part: { $case: "data", value: chunk.subarray(offset, offset + PART_BYTES) } });
        if (!more) await Promise.race([once(stream, "drain"), done.promise]);
      }
    }
    const problem = await tar.problem();
    // Stopped because the service had answered before the end: its answer counts.
    if (over) return;
    if (problem !== undefined) {
      stream.cancel();
      throw new UsageError(`${path} cannot be packed: ${problem}`);
    }
    stream.end();
  };
  try {
    const [response] = await Promise.all([done.promise, pump()]);
    return response.bytes;
  } finally {
    cli.signal.removeEventListener("abort", cancel);
    tar.kill();
  }
}

async function copyFrom(cli: Cli, from: Remote, target: string): Promise<void> {
  const [name = ""] = parseInstances([from.instance], cli.project);
  const { folder, rename } = localTarget(from.path, target);
  const { connection } = cli;
  const stream = connection.compute.copyFromInstance({ name, path: from.path }, connection.metadata());
  const received = await receiveTar(stream, { folder, rename, called: target }, cli.signal);
  process.stderr.write(`${formatBytes(BigInt(received))} copied from ${from.instance}:${from.path}\n`);
}

/** The folder to unpack into, and the new name where the target is not a folder that is there. */
function localTarget(source: string, target: string): { folder: string; rename: [string, string] | undefined } {
  const path = resolvePath(target);
  const there = statSync(path, { throwIfNoEntry: false });
  // tar would put a file in place of a device.
  if (there && !there.isFile() && !there.isDirectory())
    throw new UsageError(`${target} is neither a file nor a folder`);
  const isFolder = (candidate: string) => statSync(candidate, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (isFolder(path)) return { folder: path, rename: undefined };
  if (target.endsWith("/") || !isFolder(dirname(path)))
    throw new UsageError(`${target.endsWith("/") ? target : dirname(path)} is not a folder here: make it first`);
  return { folder: dirname(path), rename: [posix.basename(source), basename(path)] };
}
