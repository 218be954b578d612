import { rm } from "node:fs/promises";
import { ClusterSnapshotState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Empty } from "../../../proto/gen/google/protobuf/empty.ts";
import type { Job, JobContext } from "../../common/jobs/api.ts";
import { readMetadata } from "../../common/jobs/metadata.ts";
import type { HostTools } from "../host-tools.ts";
import { clusterSnapshotKind } from "../kinds.ts";
import { captureFolder } from "../snapshots/folders.ts";

interface SnapshotContext extends JobContext {
  readonly name: string;
  readonly uid: string;
}

export function deleteClusterSnapshotJob(tools: HostTools): Job<SnapshotContext> {
  return {
    name: "delete-cluster-snapshot",
    steps: [
      {
        name: "remove-files",
        timeoutMs: 600_000,
        attempts: 5,
        do: ({ uid }) => rm(captureFolder(tools.dataDir, uid), { recursive: true, force: true }),
      },
    ],
    context(base) {
      const { target: name, targetUid: uid } = readMetadata(base.operation);
      return Promise.resolve({ ...base, name, uid });
    },
    async succeed({ name }, tx) {
      if (await tx.get(clusterSnapshotKind, name)) tx.delete(clusterSnapshotKind, name);
      return { typeUrl: "type.googleapis.com/google.protobuf.Empty", value: Buffer.from(Empty.encode({}).finish()) };
    },
    /** The record stays, of no more use than to be deleted again: files may be gone. */
    async fail({ name, uid }, tx) {
      const snapshot = await tx.get(clusterSnapshotKind, name);
      if (snapshot?.meta?.uid !== uid || !snapshot.status) return;
      snapshot.meta.deleteTime = undefined;
      snapshot.status.state = ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_FAILED;
      tx.put(clusterSnapshotKind, snapshot);
    },
  };
}
