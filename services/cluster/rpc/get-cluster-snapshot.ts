import type { ClusterSnapshot } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { GetClusterSnapshotRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { CLUSTER_SNAPSHOT } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterSnapshotKind } from "../kinds.ts";

export function getClusterSnapshot({ store }: ClusterServiceContext) {
  return unary<GetClusterSnapshotRequest, ClusterSnapshot>({
    access: ({ name }) => onName(CLUSTER_SNAPSHOT, name, "viewer"),
    handler: ({ name }) => store.need(clusterSnapshotKind, name),
  });
}
