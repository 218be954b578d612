import { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { UpdateClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { updateRecord } from "../../common/rpc/handlers/update-record.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterKind } from "../kinds.ts";

const MUTABLE = ["meta.labels", "meta.annotations"];

export function updateCluster({ store }: ClusterServiceContext) {
  return unary<UpdateClusterRequest, Cluster>({
    access: ({ cluster }) => onName(CLUSTER, cluster?.meta?.name ?? "", "editor", "cluster.meta.name"),
    handler: ({ cluster, updateMask, requestId }, call) =>
      updateRecord(store, call, {
        kind: clusterKind,
        field: "cluster",
        asked: cluster!,
        mask: updateMask,
        requestId,
        mutable: MUTABLE,
        blank: Cluster.fromPartial({ meta: {} }),
      }),
  });
}
