import { ClusterSnapshot, ClusterSnapshotState, ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import type { SnapshotClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { checkId } from "../../common/names/ids.ts";
import { projectOf } from "../../common/names/resource-names.ts";
import { Violations } from "../../common/names/violations.ts";
import { onName } from "../../common/rpc/handlers/access.ts";
import { checkMeta } from "../../common/rpc/handlers/check-meta.ts";
import { checkRequestId } from "../../common/rpc/handlers/request-key.ts";
import { unary } from "../../common/rpc/wrappers.ts";
import { DESCRIPTION_BYTES_MAX } from "../clusters/limits.ts";
import { CLUSTER } from "../clusters/names.ts";
import type { ClusterServiceContext } from "../context.ts";
import { nodesOf } from "../jobs/context.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { needState, submitVerb } from "./cluster-verb.ts";

const STATES = [
  ClusterState.CLUSTER_STATE_RUNNING,
  ClusterState.CLUSTER_STATE_DEGRADED,
  ClusterState.CLUSTER_STATE_STOPPED,
];

export function snapshotCluster(service: ClusterServiceContext) {
  return unary<SnapshotClusterRequest, Operation>({
    access: ({ name }) => onName(CLUSTER, name, "editor"),
    handler({ name, snapshotId, snapshot: asked, requestId }, call) {
      const description = asked?.spec?.description ?? "";
      const found = new Violations();
      found.addAll(checkId("snapshot_id", snapshotId));
      checkMeta(found, "snapshot", asked?.meta);
      checkRequestId(found, requestId);
      checkDescription(found, description);
      found.throwIfAny();
      const snapshot = `projects/${projectOf(name)}/clusterSnapshots/${snapshotId}`;
      return submitVerb(service, call, {
        job: "snapshot-cluster",
        verb: "snapshot",
        name,
        requestId,
        parameters: ClusterJob.fromPartial({ snapshot }),
        async change(cluster, tx) {
          needState(cluster, "snapshot", STATES, "running or stopped");
          const { labels = {}, annotations = {} } = asked?.meta ?? {};
          const record = ClusterSnapshot.fromPartial({
            meta: { name: snapshot, labels, annotations, host: cluster.meta!.host },
            spec: { cluster: name, description },
            status: {
              state: ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_CREATING,
              kubernetesVersion: cluster.status?.kubernetesVersion ?? "",
              clusterUid: cluster.meta!.uid,
            },
          });
          // As they are now: what is immutable in them is what the disks belong to.
          record.status!.clusterSpec = cluster.spec;
          record.status!.clusterReservation = cluster.reservation;
          record.status!.nodes = (await nodesOf(service.store, name)).map((node) => ({ ...node, status: undefined }));
          tx.create(clusterSnapshotKind, record);
        },
      });
    },
  });
}

function checkDescription(found: Violations, description: string): void {
  const bytes = Buffer.byteLength(description);
  const field = "snapshot.spec.description";
  found.check(bytes <= DESCRIPTION_BYTES_MAX, field, `has ${bytes} bytes; at most ${DESCRIPTION_BYTES_MAX}`);
  found.check(!/[\n\r]/.test(description), field, "is not one line");
}
