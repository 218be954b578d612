import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { readOsRelease } from "../packages/os-release.ts";
import { withFileLock } from "../process/file-lock.ts";
import type { ImageRecipe } from "./recipe.ts";

const HASH_CHARS = 16;

/**
 * The tar of an image, made from packages the first time and kept in `cacheDir` under a hash of all that decides its
 * content. Several processes at once make it once.
 */
export async function imageArchive(
  recipe: ImageRecipe,
  cacheDir: string,
  say: (line: string) => void,
): Promise<string> {
  const target = await archivePath(recipe, cacheDir);
  if (existsSync(target)) return target;
  await mkdir(cacheDir, { recursive: true });
  return withFileLock(join(cacheDir, `${recipe.name}.lock`), recipe.makeTimeoutMs, async () => {
    if (existsSync(target)) return target;
    await removeUnfinished(cacheDir, `${recipe.name}-build-`);
    say(`making the ${recipe.name} image from distribution packages (once)`);
    const work = await mkdtemp(join(cacheDir, `${recipe.name}-build-`));
    try {
      await recipe.make({ dir: work, cacheDir, target: join(work, "rootfs.tar"), say });
      await rename(join(work, "rootfs.tar"), target);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    return target;
  });
}

export async function isArchived(recipe: ImageRecipe, cacheDir: string): Promise<boolean> {
  return existsSync(await archivePath(recipe, cacheDir));
}

async function archivePath(recipe: ImageRecipe, cacheDir: string): Promise<string> {
  return join(cacheDir, `${recipe.name}-${await recipeHash(recipe)}.tar`);
}

/** What a process left that died while it held the lock. */
async function removeUnfinished(cacheDir: string, prefix: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (name.startsWith(prefix)) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

async function recipeHash(recipe: ImageRecipe): Promise<string> {
  const os = readOsRelease();
  const hash = createHash("sha256").update([recipe.name, os.id, os.versionId, arch()].join("\0"));
  for (const source of recipe.sources) {
    for (const file of await filesOf(source)) hash.update(await readFile(file));
  }
  return hash.digest("hex").slice(0, HASH_CHARS);
}

async function filesOf(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".md"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
