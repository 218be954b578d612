import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { getArchive, inspectContainer, putArchive } from "../../common/engine/api/containers.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { run } from "../../common/process/run.ts";
import { filterArchive } from "../nodes/filter-archive.ts";
import { varFolderOf } from "../snapshots/var-folder.ts";

const HOUR_MS = 3_600_000;
/** Of `/var`: what the image, the kubelet and the runtime make themselves, and what belongs to the image they run on. */
const OWN_IN_VAR: ReadonlySet<string> = new Set([
  "lib",
  "log",
  "cache",
  "run",
  "lock",
  "tmp",
  "spool",
  "mail",
  "backups",
]);
const OWN_IN_LIB: ReadonlySet<string> = new Set(["containerd", "kubelet"]);
/** Written anew for the new version, with fresh certificates. */
const NEW_IN_ETC = /^kubernetes\/(manifests|pki|[^/]+\.conf)(\/|$)/;

export interface CarryOptions {
  /** Container that was stopped. */
  from: string;
  /** Container of the new image, never started. */
  to: string;
  signal: AbortSignal;
}

/** What a node has that is its cluster's or its user's and not its image's: etcd's data, local volumes, files beside kubeadm's own. */
export async function carryState(engine: Engine, { from, to, signal }: CarryOptions): Promise<void> {
  const [old, now] = await Promise.all([
    varFolderOf(await inspectContainer(engine, from, { signal })),
    varFolderOf(await inspectContainer(engine, to, { signal })),
  ]);
  const paths = await carriedPaths(old, now);
  for (const path of paths) await copy(join(old, path), join(now, path), signal);
  await carryFolder(engine, { from, to, signal });
}

/** Everything that the new image has not itself, and etcd's data in any case. */
async function carriedPaths(old: string, now: string): Promise<string[]> {
  const added = async (folder: string, own: ReadonlySet<string>): Promise<string[]> => {
    const present = new Set(await readdir(join(now, folder)));
    const names = await readdir(join(old, folder));
    return names.filter((name) => !present.has(name) && !own.has(name)).map((name) => join(folder, name));
  };
  return [...new Set([...(await added(".", OWN_IN_VAR)), ...(await added("lib", OWN_IN_LIB))])];
}

async function copy(from: string, to: string, signal: AbortSignal): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(dirname(to), { recursive: true });
  await run("cp", ["--archive", "--reflink=auto", "--no-target-directory", from, to], { timeoutMs: HOUR_MS, signal });
}

/** `/etc/kubernetes` as far as it is nobody's but the user's: files that the control plane's configuration names. */
async function carryFolder(engine: Engine, { from, to, signal }: CarryOptions): Promise<void> {
  const archive = await getArchive(engine, from, "/etc/kubernetes", { signal });
  const kept = filterArchive(archive, (path) => !NEW_IN_ETC.test(path));
  await putArchive(engine, to, "/etc", kept, { signal });
}
