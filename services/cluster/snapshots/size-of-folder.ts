import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

const BLOCK_BYTES = 512;

/** Bytes of the disk that a folder takes with all that is in it; what goes while it is looked at does not count. */
export async function sizeOfFolder(folder: string, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  let bytes = 0;
  for (const entry of await unlessGone<Dirent[]>(() => readdir(folder, { withFileTypes: true }), [])) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory() ? await sizeOfFolder(path, signal) : await sizeOf(path);
  }
  return bytes;
}

function sizeOf(path: string): Promise<number> {
  return unlessGone(async () => (await lstat(path)).blocks * BLOCK_BYTES, 0);
}

async function unlessGone<T>(look: () => Promise<T>, gone: T): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return gone;
    throw error;
  }
}
