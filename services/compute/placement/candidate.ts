import type { Host } from "../../../proto/gen/gantry/compute/v1/host.ts";
import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { idOf } from "../../common/names/resource-names.ts";

/** A host with what is placed on it. */
export interface Candidate {
  host: Host;
  instances: readonly Instance[];
}

export interface PlacementRules {
  /** A host's processors may be promised that many times: limits bound bursts, not steady use. */
  cpuOvercommit: number;
  memoryOvercommit: number;
}

export function hostId(host: Host): string {
  return idOf(host.meta?.name ?? "");
}

export interface Free {
  cpuMillis: number;
  memoryBytes: number;
}

/** What is still to be promised on the host. Instances without a limit reserve nothing. */
export function freeOf({ host, instances }: Candidate, rules: PlacementRules): Free {
  const capacity = host.status?.capacity;
  const sum = (field: "cpuMillis" | "memoryBytes"): number =>
    instances.reduce((total, instance) => total + Number(instance.spec?.[field] ?? 0n), 0);
  return {
    cpuMillis: Number(capacity?.cpuMillis ?? 0n) * rules.cpuOvercommit - sum("cpuMillis"),
    memoryBytes: Number(capacity?.memoryBytes ?? 0n) * rules.memoryOvercommit - sum("memoryBytes"),
  };
}
