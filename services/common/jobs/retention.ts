import type { Store } from "../store/api.ts";
import { operationKind } from "./kind.ts";
import type { JobLimits } from "./limits.ts";
import type { OperationIndex } from "./operation-index.ts";

/** Removed in one write, and in one pass. */
const BATCH = 50;
const PASS_MAX = 1_000;

/** Removes finished operations that are too old or too many, the oldest first. Returns how many went. */
export async function removeFinished(
  store: Store,
  index: OperationIndex,
  limits: Pick<JobLimits, "finishedAgeMs" | "finishedCountMax">,
): Promise<number> {
  const oldestKeptMs = store.now().getTime() - limits.finishedAgeMs;
  const excess = index.finished.size - limits.finishedCountMax;
  const oldestFirst = [...index.finished].sort(([, a], [, b]) => a - b);
  const going = oldestFirst
    .filter(([, endMs], at) => at < excess || endMs < oldestKeptMs)
    .slice(0, PASS_MAX)
    .map(([name]) => name);
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
