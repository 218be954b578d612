import type { Engine } from "../../../common/engine/engine.ts";
import type { ContainerCounters } from "./counters.ts";

const STATS_TIMEOUT_MS = 10_000;

/** Answer of GET /containers/<id>/stats, as far as it is read. Empty parts for a container that does not run. */
interface EngineStats {
  cpu_stats?: { cpu_usage?: { total_usage?: number } };
  memory_stats?: { usage?: number; limit?: number; stats?: Record<string, number> };
  pids_stats?: { current?: number };
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>;
  blkio_stats?: { io_service_bytes_recursive?: { op: string; value: number }[] | null };
}

/**
 * Asks the engine for the counters of a container: for engines whose processes this process cannot see. `memoryLimitBytes` is the limit
 * asked for at the container's creation, as the engine gives the machine's memory where there is none.
 */
export async function engineCounters(
  engine: Engine,
  ref: string,
  memoryLimitBytes: number,
  signal: AbortSignal,
): Promise<ContainerCounters> {
  const query = { stream: false, "one-shot": true };
  const path = `/containers/${encodeURIComponent(ref)}/stats`;
  const stats = await engine.call<EngineStats>("GET", path, { query, signal, timeoutMs: STATS_TIMEOUT_MS });
  const memory = stats.memory_stats;
  const networks = Object.values(stats.networks ?? {});
  const block = stats.blkio_stats?.io_service_bytes_recursive ?? [];
  const blockBytes = (op: string): number =>
    block.filter((entry) => entry.op.toLowerCase() === op).reduce((total, entry) => total + entry.value, 0);
  return {
    sampledAt: new Date(),
    clockMs: performance.now(),
    cpuMs: (stats.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1e6,
    memoryBytes:
      (memory?.usage ?? 0) - (memory?.stats?.["total_inactive_file"] ?? memory?.stats?.["inactive_file"] ?? 0),
    memoryLimitBytes,
    pids: stats.pids_stats?.current ?? 0,
    networkReceiveBytes: networks.reduce((total, network) => total + network.rx_bytes, 0),
    networkTransmitBytes: networks.reduce((total, network) => total + network.tx_bytes, 0),
    blockReadBytes: blockBytes("read"),
    blockWriteBytes: blockBytes("write"),
  };
}
