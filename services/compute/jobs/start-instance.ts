import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { startContainerStep } from "../steps/start-container.ts";
import { waitReady } from "../steps/wait-ready.ts";
import type { InstanceContext } from "./context.ts";
import { instanceJob } from "./instance-job.ts";

export function startInstanceJob(tools: HostTools): Job<InstanceContext> {
  return instanceJob({ name: "start-instance", steps: [startContainerStep, waitReady], tools });
}
