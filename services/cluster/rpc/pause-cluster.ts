import { ClusterState, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { changePower } from "./cluster-verb.ts";

export const pauseCluster = changePower({
  verb: "pause",
  from: [ClusterState.CLUSTER_STATE_RUNNING, ClusterState.CLUSTER_STATE_DEGRADED, ClusterState.CLUSTER_STATE_PAUSED],
  advice: "running",
  power: PowerState.POWER_STATE_PAUSED,
});
