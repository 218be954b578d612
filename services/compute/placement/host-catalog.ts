import type { Host } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { InstanceCatalog } from "../instances/catalog.ts";
import { RecordCatalog } from "../instances/record-catalog.ts";
import { hostKind } from "../kinds.ts";
import { type Candidate, hostId } from "./candidate.ts";

/** Every host of the realm. */
export class HostCatalog extends RecordCatalog<Host> {
  constructor() {
    super(hostKind);
  }

  /** Hosts with the instances placed on them. */
  candidates(instances: InstanceCatalog): Candidate[] {
    const placed = Map.groupBy(instances.all(), (instance) => instance.meta?.host ?? "");
    return [...this.all()].map((host) => ({ host, instances: placed.get(hostId(host)) ?? [] }));
  }
}
