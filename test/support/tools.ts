import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { debian12Sources } from "../../deploy/local/images/node/sources.ts";
import { openPrivateApt } from "../../deploy/local/packages/apt.ts";
import { type OsRelease, readOsRelease } from "../../deploy/local/packages/os-release.ts";
import type { PackageSource, SourceSelection } from "../../deploy/local/packages/sources.ts";
import { downloadOnly, unpack } from "../../deploy/local/packages/unpack.ts";
import { withFileLock } from "../../deploy/local/process/file-lock.ts";
import { testConfig } from "./config.ts";

export interface Tools {
  /** Folder with all of them, for the PATH of what calls the others. */
  dir: string;
  kind: string;
  kubectl: string;
  docker: string;
}

const PACKAGES = ["kind", "kubernetes-client", "docker-cli"];
/** What Debian 12 lacks; everything else stays Debian 12's. */
const FROM_SID = ["kind", "docker-cli"];
const WAIT_MS = 300_000;
const HASH_CHARS = 16;

/** Debian's own `kind`, `kubectl` and `docker`, unpacked in the cache folder: nothing is installed on the machine. */
export async function provideTools(): Promise<Tools> {
  const { cacheDir } = testConfig();
  const hash = createHash("sha256").update(await readFile(import.meta.filename));
  const target = join(cacheDir, `tools-${hash.digest("hex").slice(0, HASH_CHARS)}`);
  if (!existsSync(target)) {
    await withFileLock(join(cacheDir, "tools.lock"), WAIT_MS, async () => {
      if (!existsSync(target)) await unpackTools(cacheDir, target);
    });
  }
  const dir = join(target, "usr/bin");
  return { dir, kind: join(dir, "kind"), kubectl: join(dir, "kubectl"), docker: join(dir, "docker") };
}

async function unpackTools(cacheDir: string, target: string): Promise<void> {
  process.stderr.write(`test tools: unpacking the packages ${PACKAGES.join(", ")} below ${target} (once)\n`);
  await mkdir(cacheDir, { recursive: true });
  const work = await mkdtemp(join(cacheDir, "tools-unpack-"));
  try {
    const apt = await openPrivateApt(join(work, "apt"), readOsRelease(), "empty", sources);
    await unpack(apt, await downloadOnly(apt, PACKAGES), join(work, "root"));
    await rename(join(work, "root"), target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function sources(os: OsRelease, configured: readonly PackageSource[]): SourceSelection {
  const { choices } = debian12Sources(os, configured);
  const main = choices[0]![0]!;
  return {
    choices: [[...choices[0]!, { ...main, suite: "sid" }]],
    preferences: [
      "Package: *\nPin: release n=sid\nPin-Priority: 50\n",
      `Package: ${FROM_SID.join(" ")}\nPin: release n=sid\nPin-Priority: 990\n`,
    ].join("\n"),
  };
}
