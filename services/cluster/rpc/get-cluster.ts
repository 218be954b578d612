import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { GetClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterKind } from "../kinds.ts";

export function getCluster({ store }: ClusterServiceContext) {
  return unary<GetClusterRequest, Cluster>({
    access: ({ name }) => onName(CLUSTER, name, "viewer"),
    handler: ({ name }) => store.need(clusterKind, name),
  });
}
