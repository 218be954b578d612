import { ClusterSnapshotState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { DeleteClusterSnapshotRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition, operationInProgress } from "../../common/errors/errors.ts";
import { checkEtag } from "../../common/names/etag.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkRequestId, requestKey } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { CLUSTER_SNAPSHOT } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { readerOf } from "../snapshots/reader.ts";

export function deleteClusterSnapshot({ operations, store }: ClusterServiceContext) {
  return unary<DeleteClusterSnapshotRequest, Operation>({
    access: ({ name }) => onName(CLUSTER_SNAPSHOT, name, "editor"),
    handler({ name, etag, requestId }, call) {
      const found = new Violations();
      checkRequestId(found, requestId);
      found.throwIfAny();
      const key = requestKey(call, requestId);
      return operations.submit({
        job: "delete-cluster-snapshot",
        verb: "delete",
        kind: clusterSnapshotKind,
        target: name,
        project: projectOf(name),
        host: (snapshot) => snapshot.meta?.host ?? "",
        ...(key === undefined ? {} : { requestKey: key }),
        async write(tx) {
          const snapshot = await tx.need(clusterSnapshotKind, name);
          checkEtag(name, etag, snapshot.meta!.etag);
          if (snapshot.meta!.deleteTime && snapshot.meta!.operation !== "")
            throw operationInProgress(name, snapshot.meta!.operation);
          // It is made by an operation of its cluster, which is not cancelled by this.
          if (snapshot.status?.state === ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_CREATING)
            throw failedPrecondition("WRONG_STATE", `${name} is being made`, { name, state: "CREATING" });
          const reader = await readerOf(store, name);
          if (reader !== undefined) throw operationInProgress(name, reader);
          snapshot.meta!.deleteTime = tx.now;
          snapshot.status!.state = ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_DELETING;
          tx.put(clusterSnapshotKind, snapshot);
          return snapshot;
        },
      });
    },
  });
}
