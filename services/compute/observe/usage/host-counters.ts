import { readFile, statfs } from "node:fs/promises";
import type { HostUsage } from "../../../../proto/gen/gantry/compute/v1/host.ts";
import { isInternalInterface } from "../../hosts/interfaces.ts";
import { integer, meanMillis } from "./counters.ts";
import { parseNetDev } from "./proc-net.ts";

/** The kernel counts processor time in hundredths of a second, whatever its own tick is (USER_HZ). */
const TICK_MS = 10;

export interface HostCounters {
  sampledAt: Date;
  clockMs: number;
  cpuMs: number;
  memoryBytes: number;
  diskBytes: number;
  networkReceiveBytes: number;
  networkTransmitBytes: number;
  load1m: number;
  cpuPressurePercent: number;
  memoryPressurePercent: number;
  ioPressurePercent: number;
}

/** Reads the host's counters. `diskPath` is a folder on the file system that holds the engine's data. */
export async function readHostCounters(diskPath: string): Promise<HostCounters> {
  const clockMs = performance.now();
  const sampledAt = new Date();
  const [stat, meminfo, netdev, loadavg, disk, cpu, memory, io] = await Promise.all([
    readFile("/proc/stat", "utf8"),
    readFile("/proc/meminfo", "utf8"),
    readFile("/proc/net/dev", "utf8"),
    readFile("/proc/loadavg", "utf8"),
    statfs(diskPath),
    pressure("cpu"),
    pressure("memory"),
    pressure("io"),
  ]);
  const network = await externalTraffic(netdev);
  return {
    sampledAt,
    clockMs,
    cpuMs: parseBusyMs(stat),
    memoryBytes: parseUsedMemory(meminfo),
    diskBytes: (disk.blocks - disk.bfree) * disk.bsize,
    networkReceiveBytes: network.receiveBytes,
    networkTransmitBytes: network.transmitBytes,
    load1m: Number(loadavg.split(" ")[0]),
    cpuPressurePercent: cpu,
    memoryPressurePercent: memory,
    ioPressurePercent: io,
  };
}

export function hostUsage(host: string, before: HostCounters, after: HostCounters): HostUsage {
  const seconds = Math.max(0.001, (after.clockMs - before.clockMs) / 1000);
  return {
    host,
    sampleTime: after.sampledAt,
    cpuMillis: integer(meanMillis(before, after)),
    memoryBytes: integer(after.memoryBytes),
    diskBytes: integer(after.diskBytes),
    networkReceiveBytesPerSecond: integer((after.networkReceiveBytes - before.networkReceiveBytes) / seconds),
    networkTransmitBytesPerSecond: integer((after.networkTransmitBytes - before.networkTransmitBytes) / seconds),
    load1m: after.load1m,
    cpuPressurePercent: after.cpuPressurePercent,
    memoryPressurePercent: after.memoryPressurePercent,
    ioPressurePercent: after.ioPressurePercent,
  };
}

/** First line: `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guest is part of user. */
export function parseBusyMs(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = stat
    .slice(0, stat.indexOf("\n"))
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_MS;
}

/** Total without what is available to new work. */
export function parseUsedMemory(meminfo: string): number {
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(meminfo)?.[1] ?? 0) * 1024;
  return field("MemTotal") - field("MemAvailable");
}

/** Traffic between the host and others: containers' own interfaces would count it twice. */
async function externalTraffic(netdev: string): Promise<{ receiveBytes: number; transmitBytes: number }> {
  const total = { receiveBytes: 0, transmitBytes: 0 };
  for (const [name, counters] of parseNetDev(netdev)) {
    if (await isInternalInterface(name)) continue;
    total.receiveBytes += counters.receiveBytes;
    total.transmitBytes += counters.transmitBytes;
  }
  return total;
}

/** Share of the last 10 s in which some task waited; -1 where the kernel does not tell. */
async function pressure(resource: string): Promise<number> {
  try {
    const text = await readFile(`/proc/pressure/${resource}`, "utf8");
    return Number(/^some avg10=([\d.]+)/m.exec(text)?.[1] ?? -1);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ENOENT: not built in; EOPNOTSUPP: switched off at boot.
    if (code === "ENOENT" || code === "EOPNOTSUPP" || code === "ENOTSUP") return -1;
    throw error;
  }
}
