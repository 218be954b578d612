import {
  type ClusterSnapshot,
  ClusterSnapshotState,
  type ClusterSpec,
  ClusterState,
} from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { beingDeleted, failedPrecondition, operationInProgress } from "../../../common/errors/errors.ts";
import { matchName } from "../../../common/names/resource-names.ts";
import type { Store, Transaction } from "../../../common/store/api.ts";
import { CLUSTER } from "../../clusters/names.ts";
import { nodesOf } from "../../jobs/context.ts";
import { clusterKind, clusterSnapshotKind } from "../../kinds.ts";
import { needOwn, needState } from "../cluster-verb.ts";

const STATES = [
  ClusterState.CLUSTER_STATE_RUNNING,
  ClusterState.CLUSTER_STATE_DEGRADED,
  ClusterState.CLUSTER_STATE_STOPPED,
];

export interface ForkSource {
  /** Name of the cluster whose state it is. */
  cluster: string;
  /** Empty: of the cluster as it is now. */
  snapshot: string;
  host: string;
  spec: ClusterSpec;
  nodes: Node[];
}

/** What a fork is made from: a cluster that nothing works on, or a snapshot that is ready. */
export async function findSource(store: Store, name: string): Promise<ForkSource> {
  return matchName(CLUSTER, name) ? findCluster(store, name) : findSnapshot(store, name);
}

async function findCluster(store: Store, name: string): Promise<ForkSource> {
  const cluster = await store.need(clusterKind, name);
  const { host, deleteTime, operation } = cluster.meta!;
  if (deleteTime) throw beingDeleted(name);
  if (operation !== "") throw operationInProgress(name, operation);
  needOwn(cluster, "fork");
  needState(cluster, "fork", STATES, "running or stopped");
  return { cluster: name, snapshot: "", host, spec: cluster.spec!, nodes: await nodesOf(store, name) };
}

async function findSnapshot(store: Store, name: string): Promise<ForkSource> {
  const snapshot = await store.need(clusterSnapshotKind, name);
  needReady(snapshot);
  const { meta, spec, status } = snapshot;
  return {
    cluster: spec!.cluster,
    snapshot: name,
    host: meta!.host,
    spec: status!.clusterSpec!,
    nodes: status!.nodes,
  };
}

/** Written as it is: of a fork and a deletion of its snapshot, the second sees the first. */
export async function holdSnapshot(tx: Transaction, name: string): Promise<void> {
  const snapshot = await tx.need(clusterSnapshotKind, name);
  needReady(snapshot);
  tx.put(clusterSnapshotKind, snapshot);
}

function needReady({ meta, status }: ClusterSnapshot): void {
  const { name, deleteTime } = meta!;
  if (deleteTime) throw beingDeleted(name);
  if (status?.state === ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_READY) return;
  throw failedPrecondition("WRONG_STATE", `${name} is not ready`, { name });
}
