import type { Job, Step } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { createContainerStep } from "../steps/create-container.ts";
import { ensureNetwork } from "../steps/ensure-network.ts";
import { pullImageStep } from "../steps/pull-image.ts";
import { putFiles } from "../steps/put-files.ts";
import { reserve } from "../steps/reserve.ts";
import { startContainerStep } from "../steps/start-container.ts";
import { waitReady } from "../steps/wait-ready.ts";
import type { InstanceContext } from "./context.ts";
import { instanceJob } from "./instance-job.ts";

/**
 * The container that someone took away, again: same address, same data, same keys. What is there already is taken on, so that the job also
 * brings back a container that only does not run. No step is undone: what the instance has left must not be lost to a repair that failed.
 */
export function repairInstanceJob(tools: HostTools): Job<InstanceContext> {
  const steps = [pullImageStep, ensureNetwork, reserve, createContainerStep, putFiles, startContainerStep, waitReady];
  return instanceJob({ name: "repair-instance", steps: steps.map(withoutUndo), tools });
}

function withoutUndo(step: Step<InstanceContext>): Step<InstanceContext> {
  const { undo, ...kept } = step;
  return undo ? kept : step;
}
