import { failedPrecondition } from "../../common/errors/errors.ts";
import { type Candidate, freeOf, hostId, type PlacementRules } from "./candidate.ts";
import { type Demand, FILTERS } from "./filters.ts";

/** Reasons told in one error. */
const REASONS_MAX = 20;

/**
 * Id of the host for an instance: of those that pass every filter the one with the best score. FAILED_PRECONDITION NO_HOST_FITS with
 * each host's reason when there is none.
 */
export function place(demand: Demand, candidates: readonly Candidate[], rules: PlacementRules): string {
  const reasons: Record<string, string> = {};
  let best: { id: string; score: number } | undefined;
  for (const candidate of candidates) {
    const id = hostId(candidate.host);
    const reason = refusal(demand, candidate, rules);
    if (reason !== undefined) {
      reasons[id] = reason;
      continue;
    }
    const score = scoreOf(candidate, rules);
    // Equal scores go by name, so that the same realm always gives the same answer.
    if (!best || score > best.score || (score === best.score && id < best.id)) best = { id, score };
  }
  if (best) return best.id;
  const told = Object.entries(reasons).slice(0, REASONS_MAX);
  const text = told.map(([id, reason]) => `${id}: ${reason}`).join("; ") || "the realm has no host yet";
  throw failedPrecondition("NO_HOST_FITS", `no host can take the instance: ${text}`, Object.fromEntries(told));
}

function refusal(demand: Demand, candidate: Candidate, rules: PlacementRules): string | undefined {
  for (const filter of FILTERS) {
    const reason = filter(demand, candidate, rules);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Spreads: the part of the host that is free (the scarcer of processor and memory), then fewer instances. Between 0 and 2. */
export function scoreOf(candidate: Candidate, rules: PlacementRules): number {
  const free = freeOf(candidate, rules);
  const capacity = candidate.host.status?.capacity;
  const part = (value: number, of: bigint | undefined, overcommit: number): number =>
    of ? Math.max(0, value / (Number(of) * overcommit)) : 0;
  const room = Math.min(
    part(free.cpuMillis, capacity?.cpuMillis, rules.cpuOvercommit),
    part(free.memoryBytes, capacity?.memoryBytes, rules.memoryOvercommit),
  );
  return room + 1 / (1 + candidate.instances.length);
}
