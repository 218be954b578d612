import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
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
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";
import { askPod, runPod, webPod } from "./support/pods.ts";

const ID = "dev";
const TIMEOUT_MS = 90_000;
const MAPS = "/api/v1/namespaces/default/configmaps";
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
  const folder = join(clusters.platform.dataDir, "cluster-snapshots");
  const [uid] = await readdir(folder);
  assert.equal((await stat(join(folder, uid!))).mode & 0o777, 0o700, "it holds keys");
});

test("restoring puts the cluster back, with the nodes it had", async () => {
  const api = await clusters.api(ID);
  const body = { data: { is: "second" } };
  await api.call("PATCH", `${MAPS}/state`, { body, contentType: "application/merge-patch+json" });
  await inNode(["sh", "-c", "echo second > /var/local/data && rm /etc/kubernetes/mark"]);
  const nodes = { count: 1, spec: { role: NodeRole.NODE_ROLE_WORKER } };
  const add = AddNodesRequest.fromPartial({ name: clusters.name(ID), nodes });
  await clusters.wait(await call(clusters.client, "addNodes", add, clusters.token));

  const request = RestoreClusterRequest.fromPartial({ name: clusters.name(ID), snapshot: SNAPSHOT });
  const cluster = await clusters.clusterOf(await call(clusters.client, "restoreCluster", request, clusters.token));
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
  const request = { source: SNAPSHOT, parent: "projects/default", clusterId: "again" };
  const operation = await call(clusters.client, "forkCluster", ForkClusterRequest.fromPartial(request), clusters.token);
  const cluster = await clusters.clusterOf(operation);
  assert.equal(cluster.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  const api = await clusters.api("again");
  assert.deepEqual((await api.get<V1ConfigMap>(`${MAPS}/state`)).data, { is: "first" });
});

test("a snapshot is deleted with its files", async () => {
  const request = { name: SNAPSHOT, etag: "", requestId: "" };
  await clusters.wait(await call(clusters.client, "deleteClusterSnapshot", request, clusters.token));
  assert.deepEqual(await readdir(join(clusters.platform.dataDir, "cluster-snapshots")), []);
  const gone = await failure(call(clusters.client, "getClusterSnapshot", { name: SNAPSHOT }, clusters.token));
  assert.equal(gone.reason, "NOT_FOUND");
});

function inNode(command: string[]): Promise<string> {
  const container = `${ID}-control-plane`;
  return runInNode({ engine: clusters.engine, container, command, signal: AbortSignal.timeout(TIMEOUT_MS) });
}
