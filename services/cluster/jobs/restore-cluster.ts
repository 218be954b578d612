import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { checkSnapshot } from "../steps/check-snapshot.ts";
import { observe } from "../steps/observe.ts";
import { openPorts } from "../steps/open-ports.ts";
import { restoreNodes } from "../steps/restore-nodes.ts";
import { returnControlPlane } from "../steps/return-control-plane.ts";
import { startNodes } from "../steps/start-nodes.ts";
import { stopNodes } from "../steps/stop-nodes.ts";
import { waitReady } from "../steps/wait-ready.ts";
import { clusterJob } from "./cluster-job.ts";
import type { ClusterContext } from "./context.ts";

/** What could be in the way is found before anything is touched; then there is no way back, and a run that was broken off goes on. */
export function restoreClusterJob(tools: HostTools): Job<ClusterContext> {
  return clusterJob({
    name: "restore-cluster",
    steps: [checkSnapshot, stopNodes, restoreNodes, startNodes, openPorts, returnControlPlane, waitReady, observe],
    tools,
  });
}
