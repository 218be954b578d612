import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { readOsRelease } from "../packages/os-release.ts";
import { withFileLock } from "../process/file-lock.ts";
import type { ImageRecipe } from "./recipes.ts";
import { buildRootfs } from "./rootfs.ts";

const BUILD_WAIT_MS = 600_000;
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
  const target = join(cacheDir, `${recipe.name}-${await recipeHash(recipe)}.tar`);
  if (existsSync(target)) return target;
  await mkdir(cacheDir, { recursive: true });
  return withFileLock(join(cacheDir, `${recipe.name}.lock`), BUILD_WAIT_MS, async () => {
    if (existsSync(target)) return target;
    say(`making the ${recipe.name} image from distribution packages (once)`);
    const work = await mkdtemp(join(cacheDir, `${recipe.name}-build-`));
    try {
      await buildRootfs(recipe, work, join(work, "rootfs.tar"));
      await rename(join(work, "rootfs.tar"), target);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    return target;
  });
}

/** What decides the content of an image: the code that makes it, beside the distribution it is made from. */
const SOURCES = ["recipes.ts", "rootfs.ts", "dind-entrypoint.sh", "../packages/sources.ts", "../packages/unpack.ts"];

async function recipeHash(recipe: ImageRecipe): Promise<string> {
  const os = readOsRelease();
  const hash = createHash("sha256").update([recipe.name, os.id, os.versionId, arch()].join("\0"));
  for (const source of SOURCES) hash.update(await readFile(join(import.meta.dirname, source)));
  return hash.digest("hex").slice(0, HASH_CHARS);
}
