import type { GpuDevice } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { compareVersions, DISCOVERED_DEVICES_API } from "../../common/engine/api-version.ts";
import { engineInfo } from "../../common/engine/api/info.ts";
import type { Engine } from "../../common/engine/engine.ts";
import { CDI_FOLDERS, readCdiFolders } from "./cdi-folders.ts";
import { cdiDevices, nvidiaDevices } from "./devices.ts";
import { nvidiaGpus } from "./nvidia-smi.ts";

const INFO_TIMEOUT_MS = 10_000;

export interface GpuFindings {
  devices: GpuDevice[];
  /** Spec files with faults, devices that the engine does not take: one line each. */
  problems: string[];
}

/**
 * Devices of the host that its engine can give to containers. The engine's own list (API 1.50) decides; the spec folders are read for what
 * it does not tell: files it left out. Older engines are taken at their spec folders' word.
 */
export async function discoverGpus(engine: Engine, signal: AbortSignal): Promise<GpuFindings> {
  const [{ api }, info] = await Promise.all([
    engine.version(),
    engineInfo(engine, { signal, timeoutMs: INFO_TIMEOUT_MS }),
  ]);
  const problems: string[] = [];
  const nvidia = await nvidiaGpus(signal).catch((error: Error) => {
    signal.throwIfAborted();
    problems.push(`nvidia-smi: ${error.message}`);
    return [];
  });
  const engineFolders = info.CDISpecDirs ?? [];
  const folders = await readCdiFolders([...new Set([...CDI_FOLDERS, ...engineFolders])]);
  problems.push(...folders.problems);
  const listed = compareVersions(api, DISCOVERED_DEVICES_API) >= 0;
  const usable = listed
    ? (info.DiscoveredDevices ?? []).filter((found) => found.Source === "cdi").map((found) => found.ID)
    : engineFolders.length > 0
      ? folders.ids
      : [];
  const unusable = folders.ids.filter((id) => !usable.includes(id));
  if (unusable.length > 0) {
    const why = engineFolders.length === 0 ? "its Container Device Interface is off" : "it does not list them";
    problems.push(
      `the engine cannot use ${unusable.slice(0, 8).join(", ")}${unusable.length > 8 ? "..." : ""}: ${why}`,
    );
  }
  const devices = cdiDevices(usable, nvidia);
  if (devices.some(({ kind }) => kind.startsWith("nvidia.com/"))) return { devices, problems };
  const olderForm = info.Runtimes?.["nvidia"] === undefined ? [] : nvidiaDevices(nvidia);
  return { devices: [...devices, ...olderForm], problems };
}
