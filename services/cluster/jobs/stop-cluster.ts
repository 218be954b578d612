import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { observe } from "../steps/observe.ts";
import { stopNodes } from "../steps/stop-nodes.ts";
import { clusterJob } from "./cluster-job.ts";
import type { ClusterContext } from "./context.ts";

export function stopClusterJob(tools: HostTools): Job<ClusterContext> {
  return clusterJob({ name: "stop-cluster", steps: [stopNodes, observe], tools });
}
