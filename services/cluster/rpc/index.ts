import type { ClusterServiceServer } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { ClusterServiceContext } from "../context.ts";
import { adoptCluster } from "./adopt-cluster.ts";
import { createCluster } from "./create-cluster.ts";
import { deleteCluster } from "./delete-cluster.ts";
import { execNode } from "./exec-node.ts";
import { exportLogs } from "./export-logs.ts";
import { getClusterSnapshot } from "./get-cluster-snapshot.ts";
import { getCluster } from "./get-cluster.ts";
import { getKubeconfig } from "./get-kubeconfig.ts";
import { getNode } from "./get-node.ts";
import { listClusterSnapshots } from "./list-cluster-snapshots.ts";
import { listClusters } from "./list-clusters.ts";
import { listNodes } from "./list-nodes.ts";
import { loadImage } from "./load-image.ts";
import { pauseCluster } from "./pause-cluster.ts";
import { resumeCluster } from "./resume-cluster.ts";
import { startCluster } from "./start-cluster.ts";
import { stopCluster } from "./stop-cluster.ts";
import { updateCluster } from "./update-cluster.ts";
import { addNodes } from "./add-nodes.ts";
import { removeNode } from "./remove-node.ts";
import { snapshotCluster } from "./snapshot-cluster.ts";
import { deleteClusterSnapshot } from "./delete-cluster-snapshot.ts";
import { restoreCluster } from "./restore-cluster.ts";
import { forkCluster } from "./fork-cluster.ts";
import { updateNode } from "./update-node.ts";
import { upgradeCluster } from "./upgrade-cluster.ts";
import { watch } from "./watch.ts";

/** Known methods only: a missing one is a compile error. */
type Handlers = { [K in keyof ClusterServiceServer as string extends K ? never : K]: ClusterServiceServer[K] };

export function clusterHandlers(ctx: ClusterServiceContext): Handlers {
  return {
    createCluster: createCluster(ctx),
    adoptCluster: adoptCluster(ctx),
    getCluster: getCluster(ctx),
    listClusters: listClusters(ctx),
    updateCluster: updateCluster(ctx),
    deleteCluster: deleteCluster(ctx),
    startCluster: startCluster(ctx),
    stopCluster: stopCluster(ctx),
    pauseCluster: pauseCluster(ctx),
    resumeCluster: resumeCluster(ctx),
    getNode: getNode(ctx),
    listNodes: listNodes(ctx),
    getClusterSnapshot: getClusterSnapshot(ctx),
    listClusterSnapshots: listClusterSnapshots(ctx),
    getKubeconfig: getKubeconfig(ctx),
    loadImage: loadImage(ctx),
    exportLogs: exportLogs(ctx),
    execNode: execNode(ctx),
    updateNode: updateNode(ctx),
    addNodes: addNodes(ctx),
    removeNode: removeNode(ctx),
    snapshotCluster: snapshotCluster(ctx),
    deleteClusterSnapshot: deleteClusterSnapshot(ctx),
    restoreCluster: restoreCluster(ctx),
    forkCluster: forkCluster(ctx),
    upgradeCluster: upgradeCluster(ctx),
    watch: watch(ctx),
  };
}
