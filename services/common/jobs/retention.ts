import type { Store } from "../store/api.ts";
import { operationKind } from "./kind.ts";
import type { JobLimits } from "./limits.ts";
import type { OperationIndex } from "./operation-index.ts";

/** Removed in one write, and in one pass. */
const BATCH = 50;
const PASS_MAX = 1_000;

/** Removes finished operations that are too old, or far too many, the oldest first. Returns how many went. */
export async function removeFinished(
  store: Store,
  index: OperationIndex,
  limits: Pick<JobLimits, "finishedAgeMs" | "finishedCountMax">,
): Promise<number> {
  const oldestKeptMs = store.now().getTime() - limits.finishedAgeMs;
  const excess = index.finished.size - limits.finishedCountMax;
  const going: string[] = [];
  for (const [name, endMs] of index.finished) {
    if (going.length >= PASS_MAX || (going.length >= excess && endMs >= oldestKeptMs)) break;
    going.push(name);
  }
  for (let from = 0; from < going.length; from += BATCH) {
    const batch = going.slice(from, from + BATCH);
    await store.transact(async (tx) => {
      for (const name of batch) {
        if (await tx.get(operationKind, name)) tx.delete(operationKind, name);
      }
    });
    for (const name of batch) index.forget(name);
  }
  return going.length;
}
