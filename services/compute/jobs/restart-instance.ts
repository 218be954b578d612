import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { restartContainerStep } from "../steps/restart-container.ts";
import { waitReady } from "../steps/wait-ready.ts";
import type { InstanceContext } from "./context.ts";
import { instanceJob } from "./instance-job.ts";

export function restartInstanceJob(tools: HostTools): Job<InstanceContext> {
  return instanceJob({ name: "restart-instance", steps: [restartContainerStep, waitReady], tools });
}
