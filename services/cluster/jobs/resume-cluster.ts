import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { observe } from "../steps/observe.ts";
import { resumeNodes } from "../steps/pause-nodes.ts";
import { waitReady } from "../steps/wait-ready.ts";
import { clusterJob } from "./cluster-job.ts";
import type { ClusterContext } from "./context.ts";

export function resumeClusterJob(tools: HostTools): Job<ClusterContext> {
  return clusterJob({ name: "resume-cluster", steps: [resumeNodes, waitReady, observe], tools });
}
