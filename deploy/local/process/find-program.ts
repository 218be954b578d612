import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

// A user's PATH often lacks the folders where servers are installed.
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** `path` with the folders of system programs at its end. */
export function programPath(path: string): string {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return [...folders, ...SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder))].join(delimiter);
}

/** Where `name` is on `path`, as a shell would find it. */
export function findProgram(name: string, path: string): string | undefined {
  for (const folder of programPath(path).split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "EACCES" && code !== "ENOTDIR") throw error;
    }
  }
  return undefined;
}
