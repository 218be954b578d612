import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, readFile, rename, rm } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { withFileLock } from "../../process/file-lock.ts";
import { BUILD_FOLDER, provideBuildRoot } from "./build-root.ts";
import { requireFreeSpace } from "./free-space.ts";
import { runInRoot } from "./run-in-root.ts";

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

const SCRIPT = "build-kubernetes.sh";
const CRICTL = "crictl.go";
/** What decides the build root's content, beside the packages, and what decides the programs'. */
const ROOT_SOURCES = ["build-root.ts", "sources.ts"];
const SOURCES = [...ROOT_SOURCES, SCRIPT, CRICTL];
const HASH_CHARS = 16;
const BUILD_TIMEOUT_MS = 3_600_000;
const PROGRESS_MS = 60_000;
const FREE_BYTES_MIN = 8 * 1024 ** 3;

/**
 * The folder with Kubernetes' programs of a version: built from Debian's source the first time. Several processes at once
 * build one after the other; a build that was broken off goes on where it was.
 */
export async function kubernetesPrograms(dir: string, version: string, say: (line: string) => void): Promise<string> {
  const target = join(dir, `programs-${version}-${await hashOf(SOURCES, PROGRAMS)}`);
  if (existsSync(target)) return target;
  return withFileLock(join(dir, "build.lock"), BUILD_TIMEOUT_MS, async () => {
    if (!existsSync(target)) await build(dir, version, target, say);
    return target;
  });
}

async function build(dir: string, version: string, target: string, say: (line: string) => void): Promise<void> {
  requireFreeSpace(dir, FREE_BYTES_MIN, "building Kubernetes");
  const root = await provideBuildRoot(dir, await hashOf(ROOT_SOURCES), say);
  const folder = join(root, BUILD_FOLDER);
  for (const name of [SCRIPT, CRICTL]) await copyFile(join(import.meta.dirname, name), join(folder, name));
  await rm(join(folder, "made"), { recursive: true, force: true });
  const what = `building Kubernetes ${version} from source`;
  say(`${what} (the first time ten minutes on two processors)`);
  const started = performance.now();
  const progress = setInterval(
    () => say(`${what}: ${Math.round((performance.now() - started) / PROGRESS_MS)} min so far`),
    PROGRESS_MS,
  );
  try {
    const command = ["bash", `/${BUILD_FOLDER}/${SCRIPT}`, version, `/${BUILD_FOLDER}/made`, ...PROGRAMS];
    await runInRoot(root, command, { timeoutMs: BUILD_TIMEOUT_MS });
  } finally {
    clearInterval(progress);
  }
  await rename(join(folder, "made"), target);
}

async function hashOf(sources: readonly string[], names: readonly string[] = []): Promise<string> {
  const hash = createHash("sha256").update([arch(), ...names].join("\0"));
  for (const source of sources) hash.update(await readFile(join(import.meta.dirname, source)));
  return hash.digest("hex").slice(0, HASH_CHARS);
}
