import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import { operationKind } from "../../common/jobs/kind.ts";
import type { Store } from "../../common/store/api.ts";
import { clusterKind } from "../kinds.ts";

const READERS: ReadonlySet<string> = new Set(["restore-cluster", "fork-cluster"]);

/** Operation that is under way with what the snapshot holds, if there is one. */
export async function readerOf(store: Store, snapshot: string): Promise<string | undefined> {
  for await (const { meta } of store.all(clusterKind, "projects/")) {
    if (meta!.operation === "") continue;
    const record = await store.get(operationKind, meta!.operation);
    if (!record || record.operation?.done || !READERS.has(record.job)) continue;
    if (ClusterJob.decode(record.payload).snapshot === snapshot) return meta!.operation;
  }
  return undefined;
}
