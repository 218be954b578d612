import type { CallOptions, Engine } from "../engine.ts";
import { EngineError, isEngineNotFound } from "../errors.ts";

/** Bits of Go's os.FileMode. */
const MODE_DIR = 2 ** 31;
const MODE_SYMLINK = 2 ** 27;

export interface PathStat {
  name: string;
  sizeBytes: number;
  folder: boolean;
  link: boolean;
}

/** What a path in a container is; undefined when it (or the container) is not there. */
export async function statPath(
  engine: Engine,
  container: string,
  path: string,
  limits: Pick<CallOptions, "timeoutMs" | "signal"> = {},
): Promise<PathStat | undefined> {
  const archive = `/containers/${encodeURIComponent(container)}/archive`;
  const query = { path };
  try {
    const answer = await engine.stream("HEAD", archive, { ...limits, query });
    answer.destroy();
    const header = String(answer.headers["x-docker-container-path-stat"] ?? "");
    const stat = JSON.parse(Buffer.from(header, "base64").toString("utf8")) as {
      name: string;
      size: number;
      mode: number;
    };
    const has = (bit: number): boolean => Math.floor(stat.mode / bit) % 2 === 1;
    return { name: stat.name, sizeBytes: stat.size, folder: has(MODE_DIR), link: has(MODE_SYMLINK) };
  } catch (error) {
    if (isEngineNotFound(error)) return undefined;
    // The answer to a HEAD has no words: those of a GET say why.
    if (error instanceof EngineError && error.statusCode > 0) {
      (await engine.stream("GET", archive, { ...limits, query })).destroy();
    }
    throw error;
  }
}
