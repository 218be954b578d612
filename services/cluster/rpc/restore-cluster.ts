import {
  type Cluster,
  type ClusterSnapshot,
  ClusterSnapshotState,
  ClusterState,
  PowerState,
} from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import type { RestoreClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { checkName, projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { CLUSTER, CLUSTER_SNAPSHOT } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { needState, submitVerb } from "./cluster-verb.ts";

const STATES = [
  ClusterState.CLUSTER_STATE_RUNNING,
  ClusterState.CLUSTER_STATE_DEGRADED,
  ClusterState.CLUSTER_STATE_STOPPED,
  ClusterState.CLUSTER_STATE_FAILED,
];

export function restoreCluster(service: ClusterServiceContext) {
  return unary<RestoreClusterRequest, Operation>({
    access: ({ name }) => onName(CLUSTER, name, "editor"),
    handler({ name, snapshot, etag, requestId }, call) {
      const found = new Violations();
      checkRequestId(found, requestId);
      const good = checkName(CLUSTER_SNAPSHOT, "snapshot", snapshot);
      found.addAll(good);
      // The caller's role is known for the cluster's project alone.
      if (good.length === 0)
        found.check(projectOf(snapshot) === projectOf(name), "snapshot", "is not in the cluster's project");
      found.throwIfAny();
      return submitVerb(service, call, {
        job: "restore-cluster",
        verb: "restore",
        name,
        etag,
        requestId,
        parameters: ClusterJob.fromPartial({ snapshot }),
        async change(cluster, tx) {
          needState(cluster, "restore", STATES, "running or stopped");
          const record = await tx.need(clusterSnapshotKind, snapshot);
          checkSnapshotOf(cluster, record);
          // Written as it is: of this and a deletion of the snapshot, the second sees the first.
          tx.put(clusterSnapshotKind, record);
          cluster.spec!.power = PowerState.POWER_STATE_RUNNING;
        },
      });
    },
  });
}

function checkSnapshotOf(cluster: Cluster, { meta, status }: ClusterSnapshot): void {
  const { name } = meta!;
  if (status?.clusterUid !== cluster.meta!.uid) {
    throw failedPrecondition("OTHER_CLUSTER", `${name} is not of ${cluster.meta!.name}, as it is now`, { name });
  }
  if (status.state !== ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_READY) {
    throw failedPrecondition("WRONG_STATE", `${name} is not ready`, { name });
  }
}
