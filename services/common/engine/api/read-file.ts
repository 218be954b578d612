import { extract } from "tar-stream";
import { GantryError, internal } from "../../errors/errors.ts";
import type { Engine } from "../engine.ts";
import { isEngineNotFound } from "../errors.ts";
import { getArchive } from "./containers.ts";

export interface ReadFileOptions {
  /** A longer file is refused. */
  bytesMax: number;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 15_000;

/** A file of a container, running or not; undefined when file or container is not there. A link is not followed. */
export async function readContainerFile(
  engine: Engine,
  ref: string,
  path: string,
  options: ReadFileOptions,
): Promise<Buffer | undefined> {
  const limit = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  try {
    const archive = await getArchive(engine, ref, path, { signal });
    const entries = extract();
    archive.on("error", (error) => entries.destroy(error));
    archive.pipe(entries);
    try {
      for await (const entry of entries) {
        if (entry.header.type !== "file") throw internal("NOT_A_FILE", `${path} of container ${ref} is not a file`);
        if ((entry.header.size ?? 0) > options.bytesMax) {
          throw internal("FILE_TOO_LONG", `${path} of container ${ref} is longer than ${options.bytesMax} bytes`);
        }
        const parts: Buffer[] = [];
        for await (const part of entry) parts.push(part as Buffer);
        return Buffer.concat(parts);
      }
      return undefined;
    } finally {
      archive.destroy();
    }
  } catch (error) {
    if (isEngineNotFound(error)) return undefined;
    if (error instanceof GantryError || !limit.aborted) throw error;
    throw internal("FILE_READ_TIMEOUT", `${path} of container ${ref} could not be read in time`, error);
  }
}
