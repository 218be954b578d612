import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { waitUntil } from "../process/wait-until.ts";
import { cgroupOf, type EngineNetwork } from "./engine-config.ts";

const CGROUPS = "/sys/fs/cgroup";
const END_TIMEOUT_MS = 15_000;
const ABSENT: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR", "ENODEV"]);

/** The group of an engine's containers in each hierarchy: one of version 2, or one of each controller of version 1. */
export async function engineCgroups(network: EngineNetwork): Promise<string[]> {
  const name = cgroupOf(network);
  const hierarchies = [CGROUPS, ...(await entries(CGROUPS)).map((folder) => join(CGROUPS, folder))];
  const present = await Promise.all(
    hierarchies.map(async (folder) => ((await entries(folder)).includes(name) ? [join(folder, name)] : [])),
  );
  return present.flat();
}

/** Of groups in which nothing runs any more. */
export async function removeCgroups(groups: readonly string[]): Promise<void> {
  for (const group of groups) await removeCgroup(group);
}

async function removeCgroup(group: string): Promise<void> {
  for (const entry of await readdir(group, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeCgroup(join(group, entry.name));
  }
  await waitUntil(
    async () => {
      await rmdir(group);
      return true;
    },
    { what: `removal of ${group}`, timeoutMs: END_TIMEOUT_MS },
  );
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code)) return [];
    throw error;
  }
}
