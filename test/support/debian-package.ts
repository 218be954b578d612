import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { debian12Sources } from "../../deploy/local/images/node/sources.ts";
import { openPrivateApt } from "../../deploy/local/packages/apt.ts";
import { readOsRelease } from "../../deploy/local/packages/os-release.ts";
import { downloadOnly, unpack } from "../../deploy/local/packages/unpack.ts";
import { withFileLock } from "../../deploy/local/process/file-lock.ts";

const FETCH_TIMEOUT_MS = 300_000;
const HASH_CHARS = 16;

/** Folder with the files of a package of Debian 12 for this machine; fetched once into `cacheDir`, and not installed. */
export async function debianPackage(cacheDir: string, name: string): Promise<string> {
  const hash = createHash("sha256").update(await readFile(import.meta.filename));
  const folder = join(cacheDir, `${name}-${hash.digest("hex").slice(0, HASH_CHARS)}`);
  if (existsSync(folder)) return folder;
  return withFileLock(`${folder}.lock`, FETCH_TIMEOUT_MS, async () => {
    if (existsSync(folder)) return folder;
    const making = `${folder}.making`;
    await rm(making, { recursive: true, force: true });
    const apt = await openPrivateApt(join(making, "apt"), readOsRelease(), "machine", debian12Sources);
    await unpack(apt, await downloadOnly(apt, [name]), join(making, "root"));
    await rename(join(making, "root"), folder);
    await rm(making, { recursive: true });
    return folder;
  });
}
