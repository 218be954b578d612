import { posix } from "node:path";
import { extract } from "tar-stream";
import { getArchive } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";

export interface FolderOptions {
  /** Of all files together. */
  bytesMax: number;
  signal: AbortSignal;
}

/** The regular files of a folder of a container, running or not, by their absolute paths. NOT_FOUND when it is not there. */
export async function readFolder(
  engine: Engine,
  container: string,
  folder: string,
  { bytesMax, signal }: FolderOptions,
): Promise<Map<string, string>> {
  const archive = await getArchive(engine, container, folder, { signal });
  const entries = extract();
  archive.on("error", (error) => entries.destroy(error));
  archive.pipe(entries);
  const files = new Map<string, string>();
  let bytes = 0;
  try {
    for await (const entry of entries) {
      const { type, name, size = 0 } = entry.header;
      bytes += size;
      if (bytes > bytesMax) {
        throw failedPrecondition("FOLDER_TOO_LARGE", `${folder} of ${container} has more than ${bytesMax} bytes`);
      }
      const parts: Buffer[] = [];
      for await (const part of entry) parts.push(part as Buffer);
      // Names in it begin with the folder's own.
      if (type === "file") files.set(posix.join(posix.dirname(folder), name), Buffer.concat(parts).toString("utf8"));
    }
    return files;
  } finally {
    archive.destroy();
  }
}
