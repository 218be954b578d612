import { readFile } from "node:fs/promises";
import type { ContainerCounters } from "./counters.ts";
import { sumNetDev } from "./proc-net.ts";

/** A limit of the kernel's page counter's size stands for "no limit". */
const NO_LIMIT_BYTES = 2 ** 62;

/** Folders of one container's cgroup, by controller; `version` 2 has one for all. */
export type CgroupFolders =
  | { version: 1; cpuacct: string; memory: string; pids: string; blkio: string }
  | { version: 2; unified: string };

/** Where cgroup hierarchies are mounted: by controller (version 1), and under `unified` (version 2). */
export type CgroupMounts = ReadonlyMap<string, string>;

/** From the text of /proc/self/mountinfo. */
export function parseCgroupMounts(mountinfo: string): CgroupMounts {
  const mounts = new Map<string, string>();
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const mountpoint = left.split(" ")[4];
    const [type, , options = ""] = right.split(" ");
    if (mountpoint === undefined) continue;
    if (type === "cgroup2") mounts.set("unified", mountpoint);
    else if (type === "cgroup") for (const option of options.split(",")) mounts.set(option, mountpoint);
  }
  return mounts;
}

/**
 * Folders of a process's cgroup from the text of its /proc/<pid>/cgroup; undefined when they are not all to be found or are not those of
 * the container `containerId`.
 */
export function cgroupFolders(cgroup: string, mounts: CgroupMounts, containerId: string): CgroupFolders | undefined {
  const paths = new Map<string, string>();
  for (const line of cgroup.trim().split("\n")) {
    const [, controllers = "", ...rest] = line.split(":");
    const path = rest.join(":");
    if (!path.includes(containerId)) continue;
    for (const controller of controllers === "" ? ["unified"] : controllers.split(",")) {
      const mountpoint = mounts.get(controller);
      if (mountpoint !== undefined) paths.set(controller, `${mountpoint}${path}`);
    }
  }
  const [cpuacct, memory, pids, blkio] = ["cpuacct", "memory", "pids", "blkio"].map((name) => paths.get(name));
  if (cpuacct && memory && pids && blkio) return { version: 1, cpuacct, memory, pids, blkio };
  const unified = paths.get("unified");
  return unified !== undefined && !mounts.has("memory") ? { version: 2, unified } : undefined;
}

/** Reads the counters of a container from the kernel. Rejects (ENOENT and the like) when its processes have ended. */
export async function cgroupCounters(folders: CgroupFolders, pid: number): Promise<ContainerCounters> {
  const sampledAt = new Date();
  const clockMs = performance.now();
  const [counters, network] = await Promise.all([
    folders.version === 1 ? readVersion1(folders) : readVersion2(folders.unified),
    readFile(`/proc/${pid}/net/dev`, "utf8").then((text) => sumNetDev(text, (name) => name === "lo")),
  ]);
  return {
    sampledAt,
    clockMs,
    ...counters,
    networkReceiveBytes: network.receiveBytes,
    networkTransmitBytes: network.transmitBytes,
  };
}

type Counted = Omit<ContainerCounters, "sampledAt" | "clockMs" | "networkReceiveBytes" | "networkTransmitBytes">;

async function readVersion1(folders: CgroupFolders & { version: 1 }): Promise<Counted> {
  const [cpu, usage, limit, stat, pids, block] = await Promise.all([
    readNumber(`${folders.cpuacct}/cpuacct.usage`),
    readNumber(`${folders.memory}/memory.usage_in_bytes`),
    readNumber(`${folders.memory}/memory.limit_in_bytes`),
    readFile(`${folders.memory}/memory.stat`, "utf8"),
    readNumber(`${folders.pids}/pids.current`),
    readFile(`${folders.blkio}/blkio.throttle.io_service_bytes_recursive`, "utf8"),
  ]);
  return {
    cpuMs: cpu / 1e6,
    memoryBytes: usage - keyed(stat, "total_inactive_file"),
    memoryLimitBytes: limit >= NO_LIMIT_BYTES ? 0 : limit,
    pids,
    ...sumBlkio(block),
  };
}

async function readVersion2(folder: string): Promise<Counted> {
  const [cpu, usage, limit, stat, pids, io] = await Promise.all([
    readFile(`${folder}/cpu.stat`, "utf8"),
    readNumber(`${folder}/memory.current`),
    readFile(`${folder}/memory.max`, "utf8"),
    readFile(`${folder}/memory.stat`, "utf8"),
    readNumber(`${folder}/pids.current`),
    readFile(`${folder}/io.stat`, "utf8"),
  ]);
  return {
    cpuMs: keyed(cpu, "usage_usec") / 1000,
    memoryBytes: usage - keyed(stat, "inactive_file"),
    memoryLimitBytes: limit.trim() === "max" ? 0 : Number(limit),
    pids,
    ...sumIoStat(io),
  };
}

/** Lines `8:0 Read 4096`. */
export function sumBlkio(text: string): { blockReadBytes: number; blockWriteBytes: number } {
  return { blockReadBytes: sum(text, /^\d+:\d+ Read (\d+)$/gm), blockWriteBytes: sum(text, /^\d+:\d+ Write (\d+)$/gm) };
}

/** Lines `8:0 rbytes=4096 wbytes=0 rios=1 ...`. */
export function sumIoStat(text: string): { blockReadBytes: number; blockWriteBytes: number } {
  return { blockReadBytes: sum(text, /\brbytes=(\d+)/g), blockWriteBytes: sum(text, /\bwbytes=(\d+)/g) };
}

function sum(text: string, pattern: RegExp): number {
  let total = 0;
  for (const match of text.matchAll(pattern)) total += Number(match[1]);
  return total;
}

/** Value behind a key in lines `key value`; 0 when it is not there. */
function keyed(text: string, key: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}

async function readNumber(path: string): Promise<number> {
  return Number(await readFile(path, "utf8"));
}
