import { ClusterState, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { changePower } from "./cluster-verb.ts";

/** Starting what runs is well done already; what is paused is resumed instead. */
export const startCluster = changePower({
  verb: "start",
  from: [
    ClusterState.CLUSTER_STATE_STOPPED,
    ClusterState.CLUSTER_STATE_FAILED,
    ClusterState.CLUSTER_STATE_LOST,
    ClusterState.CLUSTER_STATE_STARTING,
    ClusterState.CLUSTER_STATE_DEGRADED,
    ClusterState.CLUSTER_STATE_RUNNING,
  ],
  advice: "stopped; a paused one is resumed",
  power: PowerState.POWER_STATE_RUNNING,
  meanwhile: ClusterState.CLUSTER_STATE_STARTING,
});
