import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { observe } from "../steps/observe.ts";
import { resumeContainerStep } from "../steps/pause-container.ts";
import type { InstanceContext } from "./context.ts";
import { instanceJob } from "./instance-job.ts";

export function resumeInstanceJob(tools: HostTools): Job<InstanceContext> {
  return instanceJob({ name: "resume-instance", steps: [resumeContainerStep, observe], tools });
}
