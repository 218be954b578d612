import { ClusterSnapshotState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { DeleteClusterSnapshotRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition, operationInProgress } from "../../common/errors/errors.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { submitDeletion } from "../../common/rpc/handlers/submit-deletion.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { CLUSTER_SNAPSHOT } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { readerOf } from "../snapshots/reader.ts";

export function deleteClusterSnapshot({ operations, store }: ClusterServiceContext) {
  return unary<DeleteClusterSnapshotRequest, Operation>({
    access: ({ name }) => onName(CLUSTER_SNAPSHOT, name, "editor"),
    handler: (request, call) =>
      submitDeletion({
        operations,
        call,
        request,
        kind: clusterSnapshotKind,
        job: "delete-cluster-snapshot",
        async mark(_tx, { status }) {
          const { name } = request;
          // It is made by an operation of its cluster, which is not cancelled by this.
          if (status?.state === ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_CREATING)
            throw failedPrecondition("WRONG_STATE", `${name} is being made`, { name, state: "CREATING" });
          const reader = await readerOf(store, name);
          if (reader !== undefined) throw operationInProgress(name, reader);
          status!.state = ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_DELETING;
        },
      }),
  });
}
