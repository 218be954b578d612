import type { GpuDevice } from "../../../proto/gen/gantry/compute/v1/host.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { DeviceRequest } from "../instances/container-options.ts";
import { splitDeviceId } from "./devices.ts";

/**
 * How the engine is asked for devices: all CDI devices in one request, and those of NVIDIA's older form in another.
 * FAILED_PRECONDITION GPU_NOT_FOUND when one of them is not among the host's devices.
 */
export function deviceRequests(ids: readonly string[], devices: readonly GpuDevice[]): DeviceRequest[] {
  const chosen = ids.map((id) => {
    const device = devices.find((candidate) => candidate.id === id);
    if (device) return device;
    throw failedPrecondition("GPU_NOT_FOUND", `device ${id} is not on this host any more`, { device: id });
  });
  const cdi = chosen.filter((device) => device.driver === "cdi").map((device) => device.id);
  const nvidia = chosen.filter((device) => device.driver === "nvidia").map((device) => splitDeviceId(device.id).name);
  const requests: DeviceRequest[] = [];
  if (cdi.length > 0) requests.push({ Driver: "cdi", DeviceIDs: cdi });
  if (nvidia.length > 0) requests.push({ Driver: "nvidia", DeviceIDs: nvidia, Capabilities: [["gpu"]] });
  return requests;
}
