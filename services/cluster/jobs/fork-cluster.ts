import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { beginFork } from "../steps/begin-fork.ts";
import { captureSource, clearCapture } from "../steps/capture-source.ts";
import { createForkedNodes } from "../steps/create-forked-nodes.ts";
import { createNetworkStep } from "../steps/create-network.ts";
import { joinFork, joinForkedControlPlanes } from "../steps/join-fork.ts";
import { observe } from "../steps/observe.ts";
import { openApiAddress } from "../steps/open-api-address.ts";
import { openPorts } from "../steps/open-ports.ts";
import { reserve } from "../steps/reserve.ts";
import { showStaticPods } from "../steps/show-static-pods.ts";
import { startNodes } from "../steps/start-nodes.ts";
import { waitControlPlanes } from "../steps/wait-control-planes.ts";
import { waitReady } from "../steps/wait-ready.ts";
import type { ClusterContext } from "./context.ts";
import { createClusterJob } from "./create-cluster.ts";

/** A creation whose cluster comes from another's state. */
export function forkClusterJob(tools: HostTools): Job<ClusterContext> {
  return {
    ...createClusterJob(tools),
    name: "fork-cluster",
    steps: [
      captureSource,
      reserve,
      createNetworkStep,
      openApiAddress,
      createForkedNodes,
      startNodes,
      openPorts,
      beginFork,
      joinFork,
      joinForkedControlPlanes,
      waitControlPlanes,
      waitReady,
      clearCapture,
      showStaticPods,
      observe,
    ],
  };
}
