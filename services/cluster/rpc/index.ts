import { type ClusterServiceServer, ClusterServiceService } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { ClusterServiceContext } from "../context.ts";
import { getClusterSnapshot } from "./get-cluster-snapshot.ts";
import { getCluster } from "./get-cluster.ts";
import { getNode } from "./get-node.ts";
import { listClusterSnapshots } from "./list-cluster-snapshots.ts";
import { listClusters } from "./list-clusters.ts";
import { listNodes } from "./list-nodes.ts";
import { updateCluster } from "./update-cluster.ts";
import { watch } from "./watch.ts";

/** Known methods only. */
type Handlers = { [K in keyof ClusterServiceServer as string extends K ? never : K]: ClusterServiceServer[K] };

/** Methods that are not built yet are not served. */
export function clusterHandlers(ctx: ClusterServiceContext) {
  const handlers: Partial<Handlers> = {
    getCluster: getCluster(ctx),
    listClusters: listClusters(ctx),
    updateCluster: updateCluster(ctx),
    getNode: getNode(ctx),
    listNodes: listNodes(ctx),
    getClusterSnapshot: getClusterSnapshot(ctx),
    listClusterSnapshots: listClusterSnapshots(ctx),
    watch: watch(ctx),
  };
  const built = Object.entries(ClusterServiceService).filter(([method]) => Object.hasOwn(handlers, method));
  return { definition: Object.fromEntries(built), handlers };
}
