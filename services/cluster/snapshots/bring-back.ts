import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { inspectContainer, putArchive } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { allSettled } from "../../common/jobs/all-settled.ts";
import { filterArchive } from "../nodes/filter-archive.ts";
import { unpackFolder } from "./archive.ts";
import type { NodeFolder } from "./folders.ts";
import { varFolderOf } from "./var-folder.ts";

const HOUR_MS = 3_600_000;
/** The engine's own, for each container, and what a node makes anew at each start. */
const NOT_KEPT: ReadonlySet<string> = new Set(["etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/machine-id"]);

export interface BringBackOptions {
  engine: Engine;
  /** Created and never started, with nothing in its `/var`. */
  container: string;
  from: NodeFolder;
  /** Paths (without the leading `/`) of the container that stay as they are. */
  without: (path: string) => boolean;
  signal: AbortSignal;
}

/** Puts the captured state of a node into a container. */
export async function bringBack({ engine, container, from, without, signal }: BringBackOptions): Promise<void> {
  const folder = await varFolderOf(await inspectContainer(engine, container, { signal }));
  await allSettled([
    unpackVar(from, folder, signal),
    ...from.roots.map(({ archive }) => putRoot(engine, container, archive, without, signal)),
  ]);
}

export async function imageIdOf({ image }: NodeFolder): Promise<string> {
  return (await readFile(image, "utf8")).trim();
}

async function unpackVar({ base, delta }: NodeFolder, folder: string, signal: AbortSignal): Promise<void> {
  const limits = { timeoutMs: HOUR_MS, signal };
  await unpackFolder(base, folder, limits);
  await unpackFolder(delta, folder, limits);
}

async function putRoot(
  engine: Engine,
  container: string,
  archive: string,
  without: BringBackOptions["without"],
  signal: AbortSignal,
): Promise<void> {
  const keeps = (path: string): boolean => !NOT_KEPT.has(path) && !without(path);
  await putArchive(engine, container, "/", filterArchive(createReadStream(archive), keeps), { signal });
}
