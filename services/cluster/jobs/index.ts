import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import type { ClusterContext } from "./context.ts";
import { createClusterJob } from "./create-cluster.ts";
import { deleteClusterJob } from "./delete-cluster.ts";

/** Every job that a host's queue may hold. */
export function clusterJobs(tools: HostTools): Job[] {
  const jobs: ((tools: HostTools) => Job<ClusterContext>)[] = [createClusterJob, deleteClusterJob];
  // The runner hands each job the context that the job itself made.
  return jobs.map((job) => job(tools) as unknown as Job);
}
