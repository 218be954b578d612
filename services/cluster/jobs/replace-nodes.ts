import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { createAddedNodes } from "../steps/create-added-nodes.ts";
import { forgetLostNodes } from "../steps/forget-lost-nodes.ts";
import { joinAddedNodes } from "../steps/join-added-nodes.ts";
import { joinControlPlanes } from "../steps/join-control-planes.ts";
import { observe } from "../steps/observe.ts";
import { openPorts } from "../steps/open-ports.ts";
import { pullImages } from "../steps/pull-images.ts";
import { startNodes } from "../steps/start-nodes.ts";
import { waitControlPlanes } from "../steps/wait-control-planes.ts";
import { waitReady } from "../steps/wait-ready.ts";
import { clusterJob } from "./cluster-job.ts";
import type { ClusterContext } from "./context.ts";

/** Nodes whose containers are gone, with all that was in them, are made anew: under the same names, at the same addresses. */
export function replaceNodesJob(tools: HostTools): Job<ClusterContext> {
  return clusterJob({
    name: "replace-nodes",
    steps: [
      pullImages,
      forgetLostNodes,
      createAddedNodes,
      joinAddedNodes,
      startNodes,
      openPorts,
      joinControlPlanes,
      waitControlPlanes,
      waitReady,
      observe,
    ],
    tools,
  });
}
