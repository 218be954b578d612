import { existsSync } from "node:fs";
import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../process/run-command.ts";
import type { PrivateApt } from "./apt.ts";

const UNPACK_TIMEOUT_MS = 120_000;

/** Fetches packages and all they depend on; gives the names of the package files. */
export async function downloadWithDependencies(apt: PrivateApt, packages: readonly string[]): Promise<string[]> {
  await apt.run(["clean"]);
  await apt.run(["install", "-y", "--download-only", "--no-install-recommends", ...packages]);
  const names = await readdir(apt.archives);
  return names.filter((name) => name.endsWith(".deb")).sort();
}

/** Fetches these packages alone, for a machine that has what they depend on. */
export async function downloadOnly(apt: PrivateApt, packages: readonly string[]): Promise<string[]> {
  const all = await downloadWithDependencies(apt, packages);
  return all.filter((name) => packages.some((wanted) => name.startsWith(`${wanted}_`)));
}

/** Lays the files of packages out below `root`; their installation scripts are not run. */
export async function unpack(apt: PrivateApt, files: readonly string[], root: string): Promise<void> {
  for (const file of files) {
    await runCommand("dpkg-deb", ["-x", join(apt.archives, file), root], { timeoutMs: UNPACK_TIMEOUT_MS });
  }
  await mergeUsr(root);
}

/** Some packages still ship /bin and /lib: in a merged layout these are links. */
async function mergeUsr(root: string): Promise<void> {
  for (const folder of ["bin", "sbin", "lib", "lib64"]) {
    const merged = join(root, "usr", folder);
    await mkdir(merged, { recursive: true });
    if (existsSync(join(root, folder))) {
      await runCommand("cp", ["-a", `${join(root, folder)}/.`, merged], { timeoutMs: UNPACK_TIMEOUT_MS });
      await rm(join(root, folder), { recursive: true });
    }
    await symlink(`usr/${folder}`, join(root, folder));
  }
}
