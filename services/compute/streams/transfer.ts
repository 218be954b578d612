import { Readable } from "node:stream";
import { getArchive, putArchive } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { EngineError, isEngineStatus } from "../../common/engine/errors.ts";
import { statPath } from "../../common/engine/api/stat-path.ts";
import { GantryError, invalidArgument } from "../../common/errors/errors.ts";
import { status as Code } from "@grpc/grpc-js";

/** Of one copy as a whole. */
export const COPY_TIMEOUT_MS = 6 * 60 * 60 * 1000;
/** Data that waits between client and engine. */
const COPY_BUFFER_BYTES = 256 * 1024;

/**
 * Unpacks a tar archive into an existing folder of a container; resolves to the archive's size in bytes. The archive is taken from
 * `parts` no faster than the engine unpacks it.
 */
export async function copyTo(
  engine: Engine,
  container: string,
  path: string,
  parts: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  const stat = await statPath(engine, container, path, { signal }).catch((error: unknown) => {
    throw copyError("target.path", path, error);
  });
  if (stat === undefined) throw pathNotFound(path);
  if (!stat.folder && !stat.link) {
    throw invalidArgument([{ field: "target.path", description: `${path} is not a folder` }]);
  }
  let bytes = 0;
  let broken: unknown;
  async function* counted(): AsyncGenerator<Uint8Array> {
    try {
      for await (const part of parts) {
        bytes += part.length;
        yield part;
      }
    } catch (error) {
      broken = error;
      throw error;
    }
  }
  const archive = Readable.from(counted(), { objectMode: false, highWaterMark: COPY_BUFFER_BYTES });
  try {
    await putArchive(engine, container, path, archive, { signal, timeoutMs: COPY_TIMEOUT_MS });
    return bytes;
  } catch (error) {
    // What the client did wrong counts more than the broken connection that followed from it.
    throw broken ?? copyError("target.path", path, error);
  } finally {
    archive.destroy();
  }
}

/** Gives a tar archive of a file or folder of a container, piece by piece. */
export async function copyFrom(
  engine: Engine,
  container: string,
  path: string,
  output: (data: Buffer) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let archive: Readable;
  try {
    archive = await getArchive(engine, container, path, { signal });
  } catch (error) {
    throw copyError("path", path, error);
  }
  try {
    for await (const chunk of archive) await output(chunk as Buffer);
  } finally {
    archive.destroy();
  }
}

function copyError(field: string, path: string, error: unknown): unknown {
  if (isEngineStatus(error, 404) && !/No such container/i.test(error.message)) return pathNotFound(path);
  if (error instanceof EngineError && /not a directory/i.test(error.message)) {
    return invalidArgument([{ field, description: `${path} leads through something that is not a folder` }]);
  }
  if (error instanceof EngineError && /archive\/tar|unexpected EOF/i.test(error.message)) {
    return invalidArgument([{ field: "data", description: `is not a whole tar archive (${error.message})` }]);
  }
  return error;
}

function pathNotFound(path: string): GantryError {
  return new GantryError(Code.NOT_FOUND, `${path} does not exist in the instance`, {
    reason: "PATH_NOT_FOUND",
    metadata: { path },
  });
}
