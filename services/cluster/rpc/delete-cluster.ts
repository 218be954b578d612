import type { DeleteClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { submitDeletion } from "../../common/rpc/handlers/submit-deletion.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { markDeleted } from "../clusters/mark-deleted.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodesOf } from "../jobs/context.ts";
import { clusterKind } from "../kinds.ts";

export function deleteCluster({ operations, store }: ClusterServiceContext) {
  return unary<DeleteClusterRequest, Operation>({
    access: ({ name }) => onName(CLUSTER, name, "editor"),
    handler: (request, call) =>
      submitDeletion({
        operations,
        call,
        request,
        kind: clusterKind,
        job: "delete-cluster",
        mark: async (tx, cluster) => markDeleted(tx, cluster, await nodesOf(store, request.name)),
      }),
  });
}
