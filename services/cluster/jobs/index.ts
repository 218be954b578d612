import type { Job } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { addNodesJob } from "./add-nodes.ts";
import { adoptClusterJob } from "./adopt-cluster.ts";
import { createClusterJob } from "./create-cluster.ts";
import { deleteClusterJob } from "./delete-cluster.ts";
import { deleteClusterSnapshotJob } from "./delete-cluster-snapshot.ts";
import { forkClusterJob } from "./fork-cluster.ts";
import { pauseClusterJob } from "./pause-cluster.ts";
import { removeNodeJob } from "./remove-node.ts";
import { replaceNodesJob } from "./replace-nodes.ts";
import { restoreClusterJob } from "./restore-cluster.ts";
import { resumeClusterJob } from "./resume-cluster.ts";
import { snapshotClusterJob } from "./snapshot-cluster.ts";
import { startClusterJob } from "./start-cluster.ts";
import { stopClusterJob } from "./stop-cluster.ts";
import { updateNodeJob } from "./update-node.ts";
import { upgradeClusterJob } from "./upgrade-cluster.ts";

/** Every job that a host's queue may hold. */
export function clusterJobs(tools: HostTools): Job[] {
  const jobs = [
    createClusterJob,
    adoptClusterJob,
    deleteClusterJob,
    startClusterJob,
    stopClusterJob,
    pauseClusterJob,
    resumeClusterJob,
    addNodesJob,
    updateNodeJob,
    removeNodeJob,
    snapshotClusterJob,
    deleteClusterSnapshotJob,
    restoreClusterJob,
    forkClusterJob,
    upgradeClusterJob,
    replaceNodesJob,
  ];
  // The runner hands each job the context that the job itself made.
  return jobs.map((job) => job(tools) as unknown as Job);
}
