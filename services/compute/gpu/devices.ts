import type { GpuDevice } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { NvidiaGpu } from "./nvidia-smi.ts";

/** Classes of CDI devices that count as GPUs and their like; others (network cards, channels) are left out. */
const GPU_CLASS = /gpu|mig|tpu|npu|xpu|gaudi|accel/i;
const NVIDIA_KIND = "nvidia.com/gpu";
/** Second name of a device that has a short one too. */
const UUID_NAME = /^(GPU|MIG)-[0-9a-f-]{8,}/i;

/** Parts of a fully qualified CDI name, `vendor/class=name`. */
export function splitDeviceId(id: string): { kind: string; name: string } {
  const at = id.indexOf("=");
  return { kind: id.slice(0, at), name: id.slice(at + 1) };
}

/**
 * The devices that can be given away, each once, ordered by id: without `all`, without second names (UUIDs), and without a whole whose slices are
 * devices too.
 */
export function cdiDevices(ids: readonly string[], nvidia: readonly NvidiaGpu[]): GpuDevice[] {
  const all = [...new Set(ids)]
    .map(splitDeviceId)
    .filter(({ kind }) => GPU_CLASS.test(kind.slice(kind.indexOf("/") + 1)));
  return all
    .filter(({ kind, name }) => {
      const others = all.filter((other) => other.kind === kind && other.name !== name);
      if (name === "all" && others.length > 0) return false;
      if (UUID_NAME.test(name)) return !others.some((other) => other.name !== "all" && !UUID_NAME.test(other.name));
      return !others.some((other) => other.name.startsWith(`${name}:`));
    })
    .map(({ kind, name }) => {
      const known = kind === NVIDIA_KIND ? nvidia.find((gpu) => gpu.index === name) : undefined;
      return device(`${kind}=${name}`, kind, "cdi", known);
    })
    .toSorted((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
}

/** Devices of an engine with NVIDIA's own runtime and no CDI. */
export function nvidiaDevices(nvidia: readonly NvidiaGpu[]): GpuDevice[] {
  return nvidia.map((gpu) => device(`${NVIDIA_KIND}=${gpu.index}`, NVIDIA_KIND, "nvidia", gpu));
}

function device(id: string, kind: string, driver: string, known: NvidiaGpu | undefined): GpuDevice {
  return {
    id,
    kind,
    driver,
    model: known?.model ?? "",
    memoryBytes: BigInt(known?.memoryBytes ?? 0),
    instances: [],
  };
}
