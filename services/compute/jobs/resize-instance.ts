import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { resizeContainer } from "../steps/update-container.ts";
import type { InstanceContext } from "./context.ts";
import { instanceJob } from "./instance-job.ts";

export function resizeInstanceJob(tools: HostTools): Job<InstanceContext> {
  return instanceJob({ name: "resize-instance", steps: [resizeContainer], tools });
}
