import { mkdir, readdir, rename, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeMount } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { kernelCommand } from "../network/kernel-command.ts";
import { type HostMount, hostMounts, mountOf } from "./host-mounts.ts";
import { mountId, mountList } from "./mount-list.ts";
import { LIST_NAME } from "./node-script.ts";

const TASK = { what: "the kernel's part of the nodes' mounts", reason: "NODE_MOUNTS_UNAVAILABLE" };

/**
 * A folder of the host for each node, which its container has from the beginning: what is mounted in it appears in the node, also while it runs.
 * What is mounted is never deleted: only empty folders and our own list are.
 */
export class NodeFolders {
  readonly #root: string;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dataDir: string) {
    this.#root = join(dataDir, "node-mounts");
  }

  of(uid: string): string {
    return join(this.#root, uid);
  }

  /** The folder is there, with these in it, and the list of them for the node. What was there before and is in no list stays. */
  give(uid: string, mounts: readonly NodeMount[], signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const folder = this.of(uid);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await this.#share(signal);
      const present = await hostMounts();
      for (const mount of mounts) await this.#mount(join(folder, mountId(mount)), mount, present, signal);
      await writeList(folder, mountList(mounts));
    });
  }

  /** Nothing is in the folder but these. */
  async keepOnly(uid: string, mounts: readonly NodeMount[], signal: AbortSignal): Promise<void> {
    const kept = new Set(mounts.map(mountId));
    await this.#inTurn(() => this.#takeOthers(this.of(uid), kept, signal));
  }

  /** Nothing of the node is left. What is gone already is no fault. */
  remove(uid: string, signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const folder = this.of(uid);
      if ((await namesIn(folder)) === undefined) return;
      await this.#takeOthers(folder, new Set(), signal);
      await unlink(join(folder, LIST_NAME)).catch(unlessGone);
      await rmdir(folder).catch(unlessGone);
      await this.#unshare(signal);
    });
  }

  /** Whether all of them are mounted. */
  async has(uid: string, mounts: readonly NodeMount[]): Promise<boolean> {
    const present = new Set((await hostMounts()).map(({ path }) => path));
    return mounts.every((mount) => present.has(join(this.of(uid), mountId(mount))));
  }

  async #mount(at: string, { hostPath }: NodeMount, present: readonly HostMount[], signal: AbortSignal): Promise<void> {
    const found = present.findLast(({ path }) => path === at);
    if (!found) {
      const isFolder = await isFolderOrMade(hostPath);
      if (isFolder) await mkdir(at, { recursive: true });
      else await writeFile(at, "");
      await this.#command("mount", ["--rbind", "--", hostPath, at], signal);
    }
    // What is unmounted here must not be unmounted where it comes from.
    if (!found || found.shared) await this.#command("mount", ["--make-rslave", at], signal);
  }

  async #takeOthers(folder: string, kept: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const present = await hostMounts();
    for (const name of (await namesIn(folder)) ?? []) {
      if (name === LIST_NAME || kept.has(name)) continue;
      const at = join(folder, name);
      if (present.some(({ path }) => path === at)) {
        await this.#command("mount", ["--make-rslave", at], signal);
        await this.#command("umount", ["--lazy", at], signal);
      }
      const isFolder = (await stat(at)).isDirectory();
      await (isFolder ? rmdir(at) : unlink(at));
    }
  }

  /** What is mounted in a shared mount, containers see that have a part of it. */
  async #share(signal: AbortSignal): Promise<void> {
    const mounts = await hostMounts();
    if (mountOf(mounts, this.#root)?.shared) return;
    if (!mounts.some(({ path }) => path === this.#root)) {
      await this.#command("mount", ["--bind", this.#root, this.#root], signal);
    }
    await this.#command("mount", ["--make-private", this.#root], signal);
    await this.#command("mount", ["--make-shared", this.#root], signal);
  }

  /** With the last node the host is as it was. */
  async #unshare(signal: AbortSignal): Promise<void> {
    if ((await namesIn(this.#root))?.length !== 0) return;
    if ((await hostMounts()).some(({ path }) => path === this.#root))
      await this.#command("umount", [this.#root], signal);
    await rmdir(this.#root).catch(unlessGone);
  }

  async #command(file: string, args: readonly string[], signal: AbortSignal): Promise<void> {
    await kernelCommand(TASK, { file, args, signal });
  }

  /** One after the other. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

/** True for a folder, made where there is nothing; false for a file. */
async function isFolderOrMade(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw notUsable(path, error);
  }
  try {
    await mkdir(path, { recursive: true });
    return true;
  } catch (error) {
    throw notUsable(path, error);
  }
}

function notUsable(path: string, error: unknown): Error {
  return failedPrecondition(
    "HOST_PATH_UNUSABLE",
    `${path} of the host cannot be mounted: ${(error as Error).message}`,
    {
      path,
    },
  );
}

async function writeList(folder: string, text: string): Promise<void> {
  const path = join(folder, LIST_NAME);
  await writeFile(`${path}.next`, text);
  await rename(`${path}.next`, path);
}

/** Undefined: there is no such folder. */
async function namesIn(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
