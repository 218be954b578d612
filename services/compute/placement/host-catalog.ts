import type { Host } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { InstanceCatalog } from "../instances/catalog.ts";
import { RecordCatalog } from "../../common/store/record-catalog.ts";
import { hostKind } from "../kinds.ts";
import { type Candidate, hostId } from "./candidate.ts";

const KNOWN_TIMEOUT_MS = 15_000;

/** Every host of the realm. */
export class HostCatalog extends RecordCatalog<Host> {
  constructor() {
    super(hostKind);
  }

  /**
   * Resolves when it is known what the host has and can do: within seconds of the first start of its process. Gives up, without an error,
   * after `KNOWN_TIMEOUT_MS` or with the signal: placement then says what is missing.
   */
  async whenKnown(name: string, signal: AbortSignal): Promise<void> {
    if (isKnown(this.get(name))) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const until = AbortSignal.any([signal, AbortSignal.timeout(KNOWN_TIMEOUT_MS)]);
    const stop = this.onChange((host) => {
      if (host.meta?.name === name && isKnown(host)) resolve();
    });
    until.addEventListener("abort", () => resolve(), { once: true });
    if (until.aborted) resolve();
    try {
      await promise;
    } finally {
      stop();
    }
  }

  /** Hosts with the instances placed on them. */
  candidates(instances: InstanceCatalog): Candidate[] {
    const placed = Map.groupBy(instances.all(), (instance) => instance.meta?.host ?? "");
    return [...this.all()].map((host) => ({ host, instances: placed.get(hostId(host)) ?? [] }));
  }
}

function isKnown(host: Host | undefined): boolean {
  return host?.status?.capacity !== undefined && Object.keys(host.status.capabilities).length > 0;
}
