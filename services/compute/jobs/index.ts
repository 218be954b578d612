import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { createInstanceJob } from "./create-instance.ts";
import { deleteInstanceJob } from "./delete-instance.ts";
import { pauseInstanceJob } from "./pause-instance.ts";
import { repairInstanceJob } from "./repair-instance.ts";
import { resizeInstanceJob } from "./resize-instance.ts";
import { restartInstanceJob } from "./restart-instance.ts";
import { resumeInstanceJob } from "./resume-instance.ts";
import { startInstanceJob } from "./start-instance.ts";
import { stopInstanceJob } from "./stop-instance.ts";
import { updateInstanceJob } from "./update-instance.ts";

/** Every job that a host's queue may hold. */
export function computeJobs(tools: HostTools): Job[] {
  const jobs = [
    createInstanceJob,
    deleteInstanceJob,
    startInstanceJob,
    stopInstanceJob,
    restartInstanceJob,
    pauseInstanceJob,
    resumeInstanceJob,
    resizeInstanceJob,
    updateInstanceJob,
    repairInstanceJob,
  ];
  // The runner hands each job the context that the job itself made.
  return jobs.map((job) => job(tools) as unknown as Job);
}
