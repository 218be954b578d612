import { chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openPrivateApt, type PrivateApt } from "../packages/apt.ts";
import { isDebianFamily, readOsRelease } from "../packages/os-release.ts";
import { downloadWithDependencies, unpack } from "../packages/unpack.ts";
import { runCommand } from "../process/run-command.ts";

export interface RootfsRecipe {
  packages: string[];
  /** Dependencies that nothing in the image uses. */
  without: RegExp[];
  /** What installation scripts would have done, and the image's own files. */
  finish: (root: string) => Promise<void>;
}

const TAR_TIMEOUT_MS = 300_000;

/** Makes a root file system from this machine's distribution packages, as the tar file `target`. */
export async function buildRootfs(recipe: RootfsRecipe, workDir: string, target: string): Promise<void> {
  const os = readOsRelease();
  if (!isDebianFamily(os)) {
    throw new Error(
      `no image registry answers, and images can be made from packages only on Debian and Ubuntu, not on ${os.prettyName}`,
    );
  }
  const apt = await openPrivateApt(join(workDir, "apt"), os, "empty");
  const root = join(workDir, "root");
  await layOutRootfs(apt, recipe, root);
  await packTar(root, target);
}

/** Lays the packages out below `root`, which is emptied first, and finishes them. */
export async function layOutRootfs(apt: PrivateApt, recipe: RootfsRecipe, root: string): Promise<void> {
  const files = await downloadWithDependencies(apt, recipe.packages);
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  await unpack(
    apt,
    files.filter((file) => !recipe.without.some((pattern) => pattern.test(file))),
    root,
  );
  await layOutBasics(root);
  await recipe.finish(root);
}

export async function packTar(root: string, target: string): Promise<void> {
  await runCommand("tar", ["-C", root, "--numeric-owner", "--owner=0", "--group=0", "-cf", target, "."], {
    timeoutMs: TAR_TIMEOUT_MS,
  });
}

async function layOutBasics(root: string): Promise<void> {
  for (const folder of ["dev", "proc", "sys", "run", "root", "etc", "var/lib", "var/tmp"]) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await mkdir(join(root, "tmp"), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
  await copyFile("/etc/os-release", join(root, "etc/os-release"));
  await writeFile(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  );
  await writeFile(join(root, "etc/group"), "root:x:0:\ndocker:x:999:\nnogroup:x:65534:\n");
  for (const folder of ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian"]) {
    await rm(join(root, folder), { recursive: true, force: true });
  }
}
