import assert from "node:assert/strict";
import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { V1ConfigMap } from "@kubernetes/client-node";
import { ClusterSnapshot, ClusterSnapshotState, ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import {
  AddNodesRequest,
  ForkClusterRequest,
  RestoreClusterRequest,
  SnapshotClusterRequest,
} from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";
import { askPod, runPod, webPod } from "./support/pods.ts";

const ID = "dev";
const TIMEOUT_MS = 90_000;
const MAPS = "/api/v1/namespaces/default/configmaps";
/** More than any disk that this runs on has; nothing of it is written. */
const TOO_LARGE = 8 * 1024 ** 4;
const SNAPSHOT = "projects/default/clusterSnapshots/first";

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start();
  await clusters.created(ID, { workers: 1 });
});
after(() => clusters?.[Symbol.asyncDispose]());

test("a snapshot is taken while the cluster runs", async () => {
  const api = await clusters.api(ID);
  await api.call("POST", MAPS, { body: { metadata: { name: "state" }, data: { is: "first" } } });
  await inNode(["sh", "-c", "echo first > /var/local/data && echo first > /etc/kubernetes/mark"]);
  const request = { name: clusters.name(ID), snapshotId: "first", snapshot: { spec: { description: "for later" } } };
  const operation = await call(
    clusters.client,
    "snapshotCluster",
    SnapshotClusterRequest.fromPartial(request),
    clusters.token,
  );
  const done = await clusters.wait(operation);
  assert.equal(done.result?.$case, "response");
  const snapshot = ClusterSnapshot.decode((done.result as { value: { value: Buffer } }).value.value);
  assert.equal(snapshot.status!.state, ClusterSnapshotState.CLUSTER_SNAPSHOT_STATE_READY);
  assert.ok(snapshot.status!.sizeBytes > 1_000_000n);
  assert.equal((await clusters.get(ID)).status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  const [uid] = await readdir(captures());
  assert.equal((await stat(join(captures(), uid!))).mode & 0o777, 0o700, "it holds keys");
});

test("what finds no room on the disk is refused before anything is changed", async () => {
  const [uid = ""] = await readdir(captures());
  const archive = join(captures(), uid, `${ID}-worker`, "var.tar");
  const { size } = await stat(archive);
  const [before] = await clusters.nodes(ID);
  try {
    await truncate(archive, TOO_LARGE);
    for (const begin of [restore, () => fork("large")]) {
      const error = await failure(begin().then((operation) => clusters.wait(operation)));
      assert.equal(error.reason, "DISK_FULL");
      assert.match(error.message, /MiB of the disk of .+ are needed .+ are free/);
    }
  } finally {
    await truncate(archive, size);
  }
  const [now] = await clusters.nodes(ID);
  assert.equal(now!.status!.containerId, before!.status!.containerId);
  assert.equal((await clusters.get(ID)).status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.deepEqual(await clusters.leftOnEngine("large"), []);
});

test("restoring puts the cluster back, with the nodes it had", async () => {
  const api = await clusters.api(ID);
  const body = { data: { is: "second" } };
  await api.call("PATCH", `${MAPS}/state`, { body, contentType: "application/merge-patch+json" });
  await inNode(["sh", "-c", "echo second > /var/local/data && rm /etc/kubernetes/mark"]);
  const nodes = { count: 1, spec: { role: NodeRole.NODE_ROLE_WORKER } };
  const add = AddNodesRequest.fromPartial({ name: clusters.name(ID), nodes });
  await clusters.wait(await call(clusters.client, "addNodes", add, clusters.token));

  const operation = await restore();
  await refusesDeletion(operation);
  const cluster = await clusters.clusterOf(operation);
  assert.equal(cluster.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.deepEqual([cluster.status!.nodeCount, cluster.status!.readyNodeCount], [2, 2]);
  assert.equal((await clusters.nodes(ID)).length, 2);
  assert.deepEqual((await api.get<V1ConfigMap>(`${MAPS}/state`)).data, { is: "first" });
  assert.equal((await inNode(["cat", "/var/local/data", "/etc/kubernetes/mark"])).trim(), "first\nfirst");
  const { ip } = await runPod(api, webPod("web", `${ID}-worker`), TIMEOUT_MS);
  await askPod(clusters.engine, `${ID}-control-plane`, ip, TIMEOUT_MS);
});

test("a cluster can be made from a snapshot, also when the snapshot's own is gone", async () => {
  await clusters.delete(ID);
  const operation = await fork("again");
  await refusesDeletion(operation);
  const cluster = await clusters.clusterOf(operation);
  assert.equal(cluster.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  const api = await clusters.api("again");
  assert.deepEqual((await api.get<V1ConfigMap>(`${MAPS}/state`)).data, { is: "first" });
});

test("a snapshot is deleted with its files", async () => {
  await clusters.wait(await deletion());
  assert.deepEqual(await readdir(captures()), []);
  const gone = await failure(call(clusters.client, "getClusterSnapshot", { name: SNAPSHOT }, clusters.token));
  assert.equal(gone.reason, "NOT_FOUND");
});

function restore(): Promise<Operation> {
  const request = RestoreClusterRequest.fromPartial({ name: clusters.name(ID), snapshot: SNAPSHOT });
  return call(clusters.client, "restoreCluster", request, clusters.token);
}

function fork(clusterId: string): Promise<Operation> {
  const request = ForkClusterRequest.fromPartial({ source: SNAPSHOT, parent: "projects/default", clusterId });
  return call(clusters.client, "forkCluster", request, clusters.token);
}

function deletion(): Promise<Operation> {
  const request = { name: SNAPSHOT, etag: "", requestId: "" };
  return call(clusters.client, "deleteClusterSnapshot", request, clusters.token);
}

/** While the operation works from the snapshot. */
async function refusesDeletion({ name }: Operation): Promise<void> {
  const { reason, metadata } = await failure(deletion());
  assert.deepEqual([reason, metadata["operation"]], ["OPERATION_IN_PROGRESS", name]);
}

function captures(): string {
  return join(clusters.platform.dataDir, "cluster-snapshots");
}

function inNode(command: string[]): Promise<string> {
  const container = `${ID}-control-plane`;
  return runInNode({ engine: clusters.engine, container, command, signal: AbortSignal.timeout(TIMEOUT_MS) });
}
