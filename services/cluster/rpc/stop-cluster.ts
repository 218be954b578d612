import { ClusterState, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { changePower } from "./cluster-verb.ts";

/** Stopping what does not run is well done already: it also keeps it from being started again. */
export const stopCluster = changePower({
  verb: "stop",
  from: [
    ClusterState.CLUSTER_STATE_STARTING,
    ClusterState.CLUSTER_STATE_RUNNING,
    ClusterState.CLUSTER_STATE_DEGRADED,
    ClusterState.CLUSTER_STATE_PAUSED,
    ClusterState.CLUSTER_STATE_STOPPED,
    ClusterState.CLUSTER_STATE_FAILED,
  ],
  advice: "running",
  power: PowerState.POWER_STATE_STOPPED,
  meanwhile: ClusterState.CLUSTER_STATE_STOPPING,
});
