import { existsSync } from "node:fs";
import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openPrivateApt } from "../../packages/apt.ts";
import { readOsRelease } from "../../packages/os-release.ts";
import { downloadWithDependencies, unpack } from "../../packages/unpack.ts";
import { debian12Sources } from "./sources.ts";

/** The only Kubernetes that Debian has the whole source of. */
const SOURCE_PACKAGE = "kubernetes";
const TOOLS = [
  "golang-1.19-go",
  "golang-github-modern-go-reflect2-dev",
  "gcc",
  "libc6-dev",
  "make",
  "dpkg-dev",
  "perl",
  "bash",
  "coreutils",
  "diffutils",
  "findutils",
  "gawk",
  "grep",
  "gzip",
  "patch",
  "rsync",
  "sed",
  "tar",
  "debianutils",
  "xz-utils",
];
/** What installation scripts would have linked. */
const ALTERNATIVES = [
  ["sh", "bash"],
  ["awk", "gawk"],
  ["which", "which.debianutils"],
] as const;

/** Where in a build root everything is done. */
export const BUILD_FOLDER = "build";

/**
 * A root file system with the compiler and the source; nothing of it is installed on the machine. `mark` says what it is
 * made of: one that is there with another mark, or half made, is made anew.
 */
export async function provideBuildRoot(dir: string, mark: string, say: (line: string) => void): Promise<string> {
  const root = join(dir, "build");
  const marked = join(root, BUILD_FOLDER, "ready");
  if (existsSync(marked) && (await readFile(marked, "utf8")) === mark) return root;
  say("fetching Go and the source of Kubernetes");
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  const apt = await openPrivateApt(join(dir, "apt"), readOsRelease(), "empty", debian12Sources);
  await unpack(apt, await downloadWithDependencies(apt, TOOLS), root);
  for (const folder of ["dev", "proc", "run", "tmp", "root", BUILD_FOLDER])
    await mkdir(join(root, folder), { recursive: true });
  for (const [name, program] of ALTERNATIVES) {
    await rm(join(root, "usr/bin", name), { force: true });
    await symlink(program, join(root, "usr/bin", name));
  }
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n");
  await apt.run(["source", "--download-only", SOURCE_PACKAGE], { cwd: join(root, BUILD_FOLDER) });
  await rm(join(dir, "apt"), { recursive: true, force: true });
  await writeFile(marked, mark);
  return root;
}
