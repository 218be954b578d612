import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, realpath, rename, rm } from "node:fs/promises";
import { delimiter, dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UsageError } from "../exit-codes.ts";
import { markedClusters } from "./mark.ts";
import { mergeKubeconfig } from "./merge.ts";
import { removeFromKubeconfig } from "./remove.ts";

/** kubectl and kind hold the lock for as long as they take to write. */
const LOCK_WAIT_MS = 5_000;
const LOCK_INTERVAL_MS = 50;

/** The file that kubectl would write to: the first of `$KUBECONFIG` that is there, else its last; without it the usual one. */
export function kubeconfigPath(variable: string | undefined, usual: string): string {
  const paths = (variable ?? "").split(delimiter).filter((path) => path !== "");
  return paths.find((path) => existsSync(path)) ?? paths.at(-1) ?? usual;
}

/** All files that kubectl would read. */
export function kubeconfigPaths(variable: string | undefined, usual: string): string[] {
  const paths = (variable ?? "").split(delimiter).filter((path) => path !== "");
  return paths.length === 0 ? [usual] : [...new Set(paths)];
}

/** Puts a cluster's kubeconfig into a file that others are in too; gives the name of its context. */
export async function mergeIntoFile(path: string, added: string, uid: string, signal: AbortSignal): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await using _lock = await lock(path, signal);
  const { text, context } = mergeKubeconfig(await readIfThere(path), added, { name: path, uid });
  await replaceFile(path, text);
  return context;
}

/** Uids of the clusters that `mergeIntoFile` has put in. */
export async function markedIn(path: string): Promise<Set<string>> {
  return markedClusters(await readIfThere(path), path);
}

/** Takes out what `mergeIntoFile` has put in of a cluster; gives the names of its contexts. */
export async function removeFromFile(path: string, uid: string, signal: AbortSignal): Promise<string[]> {
  await using _lock = await lock(path, signal);
  const { text, contexts } = removeFromKubeconfig(await readIfThere(path), { name: path, uid });
  if (contexts.length > 0) await replaceFile(path, text);
  return contexts;
}

/** Whole or not at all, readable by its owner alone. */
export async function replaceFile(path: string, text: string): Promise<void> {
  // A link to a file elsewhere stays one.
  const target = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return path;
    throw error;
  });
  const temporary = `${target}.${randomUUID()}`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new UsageError(`${path} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

/** As kubectl and kind lock it. */
async function lock(path: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const name = `${path}.lock`;
  const endMs = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      await (await open(name, "wx", 0o600)).close();
      return { [Symbol.asyncDispose]: () => rm(name, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST")
        throw new UsageError(`${name} cannot be made: ${(error as Error).message}`, { cause: error });
      if (performance.now() > endMs)
        throw new UsageError(`${path} is locked by ${name}: remove that file if no kubectl and no kind is at work`);
      await pause(LOCK_INTERVAL_MS, undefined, { signal });
    }
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
