import { readFile, statfs } from "node:fs/promises";
import { cpus, networkInterfaces, totalmem } from "node:os";
import { compareVersions, DISCOVERED_DEVICES_API } from "../../common/engine/api-version.ts";
import { engineInfo } from "../../common/engine/api/info.ts";
import type { Engine } from "../../common/engine/engine.ts";
import type { Range } from "../../common/network/cidr.ts";
import { hostRoutes } from "../../common/network/host-routes.ts";
import type { HostRules } from "./check-spec.ts";

/** What this host lets a cluster have. */
export async function hostRules(subnets: Range): Promise<HostRules> {
  return {
    subnets,
    routes: await hostRoutes(),
    addresses: Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
    cpuMillis: BigInt(cpus().length) * 1000n,
    memoryBytes: BigInt(totalmem()),
  };
}

export interface HostRoom extends FreeRoom {
  /** That the engine can give to containers; undefined where it is too old to say. */
  devices: ReadonlySet<string> | undefined;
}

export interface FreeRoom {
  /** What the kernel can give without swapping. */
  memoryBytes: number;
  /** Where the engine keeps its data. */
  diskBytes: number;
}

export async function hostRoom(engine: Engine, signal: AbortSignal): Promise<HostRoom> {
  const [meminfo, { api }, { DockerRootDir, DiscoveredDevices }] = await Promise.all([
    readFile("/proc/meminfo", "utf8"),
    engine.version(),
    engineInfo(engine, { signal }),
  ]);
  const { bavail, bsize } = await statfs(DockerRootDir);
  const tells = compareVersions(api, DISCOVERED_DEVICES_API) >= 0;
  const devices = tells ? new Set((DiscoveredDevices ?? []).map(({ ID }) => ID)) : undefined;
  return { memoryBytes: availableMemory(meminfo), diskBytes: bavail * bsize, devices };
}

export function availableMemory(meminfo: string): number {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  if (available === undefined) throw new Error("/proc/meminfo has no MemAvailable");
  return Number(available) * 1024;
}
