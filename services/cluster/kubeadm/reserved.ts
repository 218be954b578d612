/** What a kubelet takes for its node's: a container sees the processors and the memory of its host. */
export interface HostCapacity {
  cpuMillis: number;
  /** Without what is set aside for huge pages. */
  memoryBytes: number;
}

/**
 * What is kept from pods so that they may have as much as the node's container: the rest of the host. The kubelet holds all pods together
 * to that too.
 */
export function reservedResources(limits: HostCapacity, host: HostCapacity): Record<string, string> {
  const cpuMillis = host.cpuMillis - limits.cpuMillis;
  const memoryBytes = host.memoryBytes - limits.memoryBytes;
  return {
    ...(limits.cpuMillis > 0 && cpuMillis > 0 ? { cpu: `${cpuMillis}m` } : {}),
    ...(limits.memoryBytes > 0 && memoryBytes > 0 ? { memory: `${memoryBytes}` } : {}),
  };
}

/** From `/proc/meminfo` and the number of processors. */
export function hostCapacity(meminfo: string, processors: number): HostCapacity {
  const bytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0) * 1024;
  const total = bytes("MemTotal");
  if (total === 0) throw new Error("/proc/meminfo states no MemTotal");
  return { cpuMillis: processors * 1000, memoryBytes: total - bytes("Hugetlb") };
}
