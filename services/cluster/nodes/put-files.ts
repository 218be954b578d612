import { PassThrough, type Readable } from "node:stream";
import { pack } from "tar-stream";
import { putArchive } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import type { NodeFile } from "./node-file.ts";

/** Puts files into a node, running or only created: whole ones, folders as needed. */
export async function putFiles(
  engine: Engine,
  container: string,
  files: readonly NodeFile[],
  signal: AbortSignal,
): Promise<void> {
  await putArchive(engine, container, "/", packFiles(files), { signal });
}

/** A tar archive of them, to be unpacked at `/`. */
export function packFiles(files: readonly NodeFile[]): Readable {
  const archive = pack();
  for (const file of files) {
    const name = file.path.slice(1);
    if ("target" in file) archive.entry({ name, type: "symlink", linkname: file.target });
    else archive.entry({ name, mode: file.mode }, file.content);
  }
  archive.finalize();
  return archive.pipe(new PassThrough());
}
