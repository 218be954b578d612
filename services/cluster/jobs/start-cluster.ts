import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { observe } from "../steps/observe.ts";
import { returnControlPlane } from "../steps/return-control-plane.ts";
import { startNodes } from "../steps/start-nodes.ts";
import { waitReady } from "../steps/wait-ready.ts";
import { clusterJob } from "./cluster-job.ts";
import type { ClusterContext } from "./context.ts";

/** Also starts those nodes alone that do not run. */
export function startClusterJob(tools: HostTools): Job<ClusterContext> {
  return clusterJob({ name: "start-cluster", steps: [startNodes, returnControlPlane, waitReady, observe], tools });
}
