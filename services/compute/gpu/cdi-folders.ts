import { lstat, readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { CDI_FILE_BYTES_MAX, parseCdiSpec } from "./cdi-spec.ts";

/** Where specs are unless the engine says otherwise. */
export const CDI_FOLDERS: readonly string[] = ["/etc/cdi", "/var/run/cdi"];
export const CDI_FILES_MAX = 256;

export interface CdiFindings {
  /** Fully qualified, `vendor/class=name`. */
  ids: string[];
  /** Files that were left out, and why: one line each. */
  problems: string[];
}

/** Devices that the spec files of the folders describe. Folders that are not there hold none. */
export async function readCdiFolders(folders: readonly string[]): Promise<CdiFindings> {
  const ids = new Set<string>();
  const problems: string[] = [];
  for (const folder of folders) {
    for (const name of await specFiles(folder, problems)) {
      const path = join(folder, name);
      try {
        const { size } = await lstat(path);
        if (size > CDI_FILE_BYTES_MAX) throw new Error(`is larger than ${CDI_FILE_BYTES_MAX} bytes`);
        const spec = parseCdiSpec(await readFile(path, "utf8"));
        for (const device of spec.devices) ids.add(`${spec.kind}=${device}`);
      } catch (error) {
        problems.push(`${path}: ${(error as Error).message}`);
      }
    }
  }
  return { ids: [...ids], problems };
}

async function specFiles(folder: string, problems: string[]): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") problems.push(`${folder}: ${message}`);
    return [];
  }
  const specs = names.filter((name) => [".yaml", ".json"].includes(extname(name))).toSorted();
  if (specs.length > CDI_FILES_MAX)
    problems.push(`${folder}: has ${specs.length} specs; only ${CDI_FILES_MAX} are read`);
  return specs.slice(0, CDI_FILES_MAX);
}
