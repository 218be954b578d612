import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { openPrivateApt, type PrivateApt } from "../../packages/apt.ts";
import { readOsRelease } from "../../packages/os-release.ts";
import { downloadWithDependencies, unpack } from "../../packages/unpack.ts";
import { withFileLock } from "../../process/file-lock.ts";
import { requireFreeSpace } from "./free-space.ts";
import { runInRoot } from "./run-in-root.ts";
import { debian12Sources } from "./sources.ts";

/** What is run on nodes and in their pods; beside them `pause` is made. */
export const PROGRAMS = [
  "kubeadm",
  "kubelet",
  "kubectl",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "crictl",
] as const;

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

const SCRIPT = "build-kubernetes.sh";
const CRICTL = "crictl.go";
/** What decides the programs' content, beside the packages. */
const SOURCES = ["programs.ts", SCRIPT, CRICTL, "sources.ts"];
const HASH_CHARS = 16;
const BUILD_TIMEOUT_MS = 3_600_000;
const FREE_BYTES_MIN = 8 * 1024 ** 3;

/**
 * The folder with Kubernetes' programs of a version: built from Debian's source the first time. Several processes at once
 * build one after the other; a build that was broken off goes on where it was.
 */
export async function kubernetesPrograms(dir: string, version: string, say: (line: string) => void): Promise<string> {
  const target = join(dir, `programs-${version}-${await hashOfSources()}`);
  if (existsSync(target)) return target;
  return withFileLock(join(dir, "build.lock"), BUILD_TIMEOUT_MS, async () => {
    if (!existsSync(target)) await build(dir, version, target, say);
    return target;
  });
}

async function build(dir: string, version: string, target: string, say: (line: string) => void): Promise<void> {
  requireFreeSpace(dir, FREE_BYTES_MIN, "building Kubernetes");
  const root = join(dir, "build");
  if (!existsSync(join(root, "build", "ready"))) {
    say("fetching Go and the source of Kubernetes");
    await makeBuildRoot(dir, root);
  }
  say(`building Kubernetes ${version} from source (the first time ten minutes on two processors)`);
  for (const name of [SCRIPT, CRICTL]) await copyFile(join(import.meta.dirname, name), join(root, "build", name));
  await rm(join(root, "build", "made"), { recursive: true, force: true });
  await runInRoot(root, ["bash", `/build/${SCRIPT}`, version, "/build/made", ...PROGRAMS], {
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  await rename(join(root, "build", "made"), target);
}

/** A root file system with the compiler and the source; nothing of it is installed on the machine. */
async function makeBuildRoot(dir: string, root: string): Promise<void> {
  await rm(root, { recursive: true, force: true });
  const apt = await openPrivateApt(join(dir, "apt"), readOsRelease(), "empty", debian12Sources);
  const files = await downloadWithDependencies(apt, TOOLS);
  await mkdir(root, { recursive: true });
  await unpack(apt, files, root);
  for (const folder of ["dev", "proc", "run", "tmp", "root", "build"]) await mkdir(join(root, folder));
  await symlink("bash", join(root, "bin/sh"));
  await symlink("gawk", join(root, "usr/bin/awk"));
  await symlink("which.debianutils", join(root, "usr/bin/which"));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n");
  await fetchSource(apt, join(root, "build"));
  await rm(join(dir, "apt"), { recursive: true, force: true });
  await writeFile(join(root, "build", "ready"), "");
}

async function fetchSource(apt: PrivateApt, folder: string): Promise<void> {
  await apt.run(["source", "--download-only", SOURCE_PACKAGE], { cwd: folder });
}

async function hashOfSources(): Promise<string> {
  const hash = createHash("sha256").update(arch());
  for (const source of SOURCES) hash.update(await readFile(join(import.meta.dirname, source)));
  return hash.digest("hex").slice(0, HASH_CHARS);
}
