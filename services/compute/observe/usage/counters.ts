import type { InstanceUsage } from "../../../../proto/gen/gantry/compute/v1/instance.ts";

/** Counters of a container at one moment. */
export interface ContainerCounters {
  sampledAt: Date;
  /** Monotonic, milliseconds. */
  clockMs: number;
  /** Processor time used since the container's start. */
  cpuMs: number;
  /** Without page cache that can be given back. */
  memoryBytes: number;
  /** 0: no limit. */
  memoryLimitBytes: number;
  pids: number;
  networkReceiveBytes: number;
  networkTransmitBytes: number;
  blockReadBytes: number;
  blockWriteBytes: number;
}

/** What is shown of two moments: the processor's share is the mean between them. */
export function instanceUsage(instance: string, before: ContainerCounters, after: ContainerCounters): InstanceUsage {
  return {
    instance,
    sampleTime: after.sampledAt,
    cpuMillis: integer(meanMillis(before, after)),
    memoryBytes: integer(after.memoryBytes),
    memoryLimitBytes: integer(after.memoryLimitBytes),
    pids: integer(after.pids),
    networkReceiveBytes: integer(after.networkReceiveBytes),
    networkTransmitBytes: integer(after.networkTransmitBytes),
    blockReadBytes: integer(after.blockReadBytes),
    blockWriteBytes: integer(after.blockWriteBytes),
  };
}

/** Thousandths of a processor. 0 when the counter began anew in between (a restart). */
export function meanMillis(
  before: Pick<ContainerCounters, "clockMs" | "cpuMs">,
  after: Pick<ContainerCounters, "clockMs" | "cpuMs">,
): number {
  const elapsedMs = after.clockMs - before.clockMs;
  return elapsedMs <= 0 ? 0 : (Math.max(0, after.cpuMs - before.cpuMs) / elapsedMs) * 1000;
}

export function integer(value: number): bigint {
  return BigInt(Math.max(0, Math.round(value)));
}
