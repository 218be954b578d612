import type { GpuDevice } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { GpuRequest, Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { splitDeviceId } from "../gpu/devices.ts";

interface Holder {
  shared: boolean;
}

/** Who holds which device of a host, from the reservations of the instances placed there. */
export function gpuHolders(instances: Iterable<Instance>): Map<string, Holder[]> {
  const holders = new Map<string, Holder[]>();
  for (const instance of instances) {
    const held = instance.reservation?.gpus ?? [];
    const requests = instance.spec?.gpus ?? [];
    for (const id of held) {
      const shared = requests.some(
        (request) => request.shared && (request.ids.includes(id) || splitDeviceId(id).kind === request.kind),
      );
      holders.set(id, [...(holders.get(id) ?? []), { shared }]);
    }
  }
  return holders;
}

/**
 * Devices for the requests, or why there are none. Devices named are taken first, then free ones; a shared request prefers devices that
 * are shared already, so that whole ones stay free.
 */
export function chooseGpus(
  requests: GpuRequest[],
  devices: readonly GpuDevice[],
  holders: ReadonlyMap<string, Holder[]>,
): { ids: string[] } | { reason: string } {
  const taken = new Set<string>();
  const usable = (id: string, shared: boolean): boolean =>
    !taken.has(id) && (holders.get(id) ?? []).every((holder) => shared && holder.shared);
  for (const request of requests) {
    for (const id of request.ids) {
      if (!devices.some((device) => device.id === id)) return { reason: `has no device ${id}` };
      if (!usable(id, request.shared)) return { reason: `device ${id} is held by another instance` };
      taken.add(id);
    }
  }
  for (const request of requests) {
    if (request.ids.length > 0) continue;
    const free = devices
      .filter((device) => device.kind === request.kind && usable(device.id, request.shared))
      .toSorted((a, b) => (holders.get(b.id)?.length ?? 0) - (holders.get(a.id)?.length ?? 0));
    if (free.length < request.count) {
      return { reason: `has ${free.length} free devices of kind ${request.kind}, ${request.count} asked for` };
    }
    for (const device of free.slice(0, request.count)) taken.add(device.id);
  }
  return { ids: [...taken] };
}
