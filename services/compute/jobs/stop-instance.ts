import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { observe } from "../steps/observe.ts";
import { stopContainerStep } from "../steps/stop-container.ts";
import type { InstanceContext } from "./context.ts";
import { instanceJob } from "./instance-job.ts";

export function stopInstanceJob(tools: HostTools): Job<InstanceContext> {
  return instanceJob({ name: "stop-instance", steps: [stopContainerStep, observe], tools });
}
