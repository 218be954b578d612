import { readFile } from "node:fs/promises";

/** A mount of this process's host, as the kernel lists it. */
export interface HostMount {
  path: string;
  /** What is mounted below or at it is passed on to others. */
  shared: boolean;
}

export async function hostMounts(): Promise<HostMount[]> {
  return parseMountInfo(await readFile("/proc/self/mountinfo", "utf8"));
}

/** In the order in which they were made. */
export function parseMountInfo(text: string): HostMount[] {
  return text.split("\n").flatMap((line) => {
    const [fields = ""] = line.split(" - ");
    const [, , , , path, , ...tags] = fields.split(" ");
    return path === undefined ? [] : [{ path: unescape(path), shared: tags.some((tag) => tag.startsWith("shared:")) }];
  });
}

/** The mount that a path is in: of several at one place, the last hides the others. */
export function mountOf(mounts: readonly HostMount[], path: string): HostMount | undefined {
  let found: HostMount | undefined;
  for (const mount of mounts) {
    const holds = mount.path === "/" || path === mount.path || path.startsWith(`${mount.path}/`);
    if (holds && mount.path.length >= (found?.path.length ?? 0)) found = mount;
  }
  return found;
}

/** The kernel writes space, tab, newline and backslash as octal numbers. */
function unescape(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
