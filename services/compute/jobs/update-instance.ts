import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { updatePolicy } from "../steps/update-container.ts";
import type { InstanceContext } from "./context.ts";
import { instanceJob } from "./instance-job.ts";

export function updateInstanceJob(tools: HostTools): Job<InstanceContext> {
  return instanceJob({ name: "update-instance", steps: [updatePolicy], tools });
}
