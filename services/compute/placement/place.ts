import { status as Code } from "@grpc/grpc-js";
import { failedPrecondition, GantryError } from "../../common/errors/errors.ts";
import { type Candidate, freeOf, hostId, type PlacementRules } from "./candidate.ts";
import { type Demand, refusal, type Refusal } from "./filters.ts";

/** Reasons told in one error. */
const REASONS_MAX = 20;

/**
 * Id of the host for an instance: of those that pass every filter the one with the best score. FAILED_PRECONDITION NO_HOST_FITS with
 * each host's reason when there is none; UNAVAILABLE HOST_NOT_READY when all that keeps it from the hosts it may go to will pass.
 */
export function place(demand: Demand, candidates: readonly Candidate[], rules: PlacementRules): string {
  const refusals = new Map<string, Refusal>();
  let best: { id: string; score: number } | undefined;
  for (const candidate of candidates) {
    const id = hostId(candidate.host);
    const refused = refusal(demand, candidate, rules);
    if (refused !== undefined) {
      refusals.set(id, refused);
      continue;
    }
    const score = scoreOf(candidate, rules);
    // Equal scores go by name, so that the same realm always gives the same answer.
    if (!best || score > best.score || (score === best.score && id < best.id)) best = { id, score };
  }
  if (best) return best.id;
  throw noneFits(refusals);
}

function noneFits(refusals: ReadonlyMap<string, Refusal>): GantryError {
  const told = [...refusals].slice(0, REASONS_MAX).map(([id, { reason }]) => [id, reason] as const);
  const text = told.map(([id, reason]) => `${id}: ${reason}`).join("; ") || "the realm has no host yet";
  const message = `no host can take the instance: ${text}`;
  const metadata = Object.fromEntries(told);
  const meant = [...refusals.values()].filter(({ notMeant }) => !notMeant);
  if (meant.length > 0 && meant.every(({ passing }) => passing)) {
    return new GantryError(Code.UNAVAILABLE, message, { reason: "HOST_NOT_READY", metadata });
  }
  return failedPrecondition("NO_HOST_FITS", message, metadata);
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
