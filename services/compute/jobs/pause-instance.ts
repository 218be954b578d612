import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { observe } from "../steps/observe.ts";
import { pauseContainerStep } from "../steps/pause-container.ts";
import type { InstanceContext } from "./context.ts";
import { instanceJob } from "./instance-job.ts";

export function pauseInstanceJob(tools: HostTools): Job<InstanceContext> {
  return instanceJob({ name: "pause-instance", steps: [pauseContainerStep, observe], tools });
}
