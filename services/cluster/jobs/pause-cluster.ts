import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { observe } from "../steps/observe.ts";
import { pauseNodes } from "../steps/pause-nodes.ts";
import { clusterJob } from "./cluster-job.ts";
import type { ClusterContext } from "./context.ts";

export function pauseClusterJob(tools: HostTools): Job<ClusterContext> {
  return clusterJob({ name: "pause-cluster", steps: [pauseNodes, observe], tools });
}
