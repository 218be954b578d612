import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Capability } from "../../../../proto/gen/gantry/compute/v1/host.ts";

/** Grows when a probe tries something else than before. */
const PROBES_VERSION = 2;

/** Results hold for one boot and one engine. */
export interface ProbeKey {
  bootId: string;
  engineId: string;
  engineVersion: string;
}

interface CacheFile extends ProbeKey {
  probesVersion: number;
  capabilities: Record<string, Capability>;
}

/** Results of an earlier process, or undefined when they do not hold any more. A damaged file counts as none. */
export async function readProbeCache(path: string, key: ProbeKey): Promise<Record<string, Capability> | undefined> {
  let file: CacheFile;
  try {
    file = JSON.parse(await readFile(path, "utf8")) as CacheFile;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const holds =
    file.probesVersion === PROBES_VERSION &&
    file.bootId === key.bootId &&
    file.engineId === key.engineId &&
    file.engineVersion === key.engineVersion;
  return holds ? file.capabilities : undefined;
}

export async function writeProbeCache(
  path: string,
  key: ProbeKey,
  capabilities: Record<string, Capability>,
): Promise<void> {
  const file: CacheFile = { probesVersion: PROBES_VERSION, ...key, capabilities };
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(file), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Changes at each boot of the machine. */
export async function readBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}
