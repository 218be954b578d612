import { ClusterState, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { changePower } from "./cluster-verb.ts";

export const resumeCluster = changePower({
  verb: "resume",
  from: [ClusterState.CLUSTER_STATE_PAUSED],
  advice: "paused",
  power: PowerState.POWER_STATE_RUNNING,
});
