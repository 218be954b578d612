import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { V1Node } from "@kubernetes/client-node";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { TestClusters } from "./support/clusters.ts";
import { askPod, runPod, webPod } from "./support/pods.ts";

const POD_TIMEOUT_MS = 60_000;

async function failure(work: Promise<unknown>): Promise<GantryError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error("it should have failed");
}

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start();
});
after(() => clusters?.[Symbol.asyncDispose]());

test("a cluster of one node and one of three: every node is Ready, pods reach each other across nodes", async () => {
  const [one, three] = await Promise.all([clusters.created("one"), clusters.created("three", { workers: 2 })]);
  assert.equal(one.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.deepEqual([one.status!.nodeCount, one.status!.readyNodeCount], [1, 1]);
  assert.deepEqual([three.status!.nodeCount, three.status!.readyNodeCount], [3, 3]);
  assert.equal(three.status!.kubernetesVersion, "v1.20.2");
  for (const node of await clusters.nodes("three")) assert.equal(node.status!.state, NodeState.NODE_STATE_READY);

  const api = await clusters.api("three");
  const first = await runPod(api, webPod("first", "three-worker"), POD_TIMEOUT_MS);
  const second = await runPod(api, webPod("second", "three-worker2"), POD_TIMEOUT_MS);
  for (const node of ["three-control-plane", "three-worker", "three-worker2"]) {
    for (const { ip } of [first, second]) await askPod(clusters.engine, node, ip, POD_TIMEOUT_MS);
  }
  const alone = await runPod(await clusters.api("one"), webPod("alone"), POD_TIMEOUT_MS);
  await askPod(clusters.engine, "one-control-plane", alone.ip, POD_TIMEOUT_MS);

  const { items } = await api.get<{ items: V1Node[] }>("/api/v1/nodes");
  // Those that tell of a passing state aside.
  const taints = ({ spec }: V1Node) =>
    (spec!.taints ?? []).map(({ key }) => key).filter((key) => !key.startsWith("node.kubernetes.io/"));
  assert.deepEqual(
    items.map((node) => [node.metadata!.name, node.spec!.podCIDR, taints(node)]),
    [
      ["three-control-plane", "10.244.0.0/24", ["node-role.kubernetes.io/master"]],
      ["three-worker", "10.244.1.0/24", []],
      ["three-worker2", "10.244.2.0/24", []],
    ],
  );
});

test("a cluster that was stopped comes back as it was: nodes Ready, pods running, the scheduler at work", async () => {
  const stopped = await clusters.verb("stop", "three");
  assert.equal(stopped.status!.state, ClusterState.CLUSTER_STATE_STOPPED);
  assert.equal(stopped.status!.readyNodeCount, 0);
  for (const node of await clusters.nodes("three")) assert.equal(node.status!.state, NodeState.NODE_STATE_STOPPED);

  const started = await clusters.verb("start", "three");
  assert.equal(started.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.equal(started.status!.readyNodeCount, 3);
  assert.equal(started.status!.endpoint, (await clusters.get("three")).status!.endpoint);
  const later = await runPod(await clusters.api("three"), webPod("later"), POD_TIMEOUT_MS);
  for (const node of ["three-control-plane", "three-worker"]) {
    await askPod(clusters.engine, node, later.ip, POD_TIMEOUT_MS);
  }
});

test("a paused cluster does nothing until it is resumed", async () => {
  const paused = await clusters.verb("pause", "three");
  assert.equal(paused.status!.state, ClusterState.CLUSTER_STATE_PAUSED);
  await assert.rejects((await clusters.api("three")).ready());
  const resumed = await clusters.verb("resume", "three");
  assert.equal(resumed.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  await (await clusters.api("three")).ready();
});

test("a creation that fails leaves nothing, and says with which node's words; with retain it stays to be looked at", async () => {
  // The API server does not know the flag, and ends at once.
  const patch = "kind: ClusterConfiguration\napiServer: { extraArgs: { no-such-flag: 'true' } }\n";
  const spec = { kubeadmConfigPatches: [patch] };
  const error = await failure(clusters.created("broken", { spec }));
  assert.equal(error.metadata["node"], "broken-control-plane");
  assert.match(error.metadata["podLogs"]!, /no-such-flag/);
  assert.match(error.metadata["kubeletLog"]!, /kube-apiserver/);
  assert.match(error.metadata["containerLog"]!, /systemd/);
  assert.deepEqual(await clusters.leftOnEngine("broken"), []);
  await assert.rejects(clusters.get("broken"), /does not exist/);

  await failure(clusters.clusterOf(await clusters.create("broken", { spec }, { retain: true })));
  assert.equal((await clusters.get("broken")).status!.state, ClusterState.CLUSTER_STATE_FAILED);
  assert.notDeepEqual(await clusters.leftOnEngine("broken"), []);
  await clusters.delete("broken");
  assert.deepEqual(await clusters.leftOnEngine("broken"), []);
});

test("deleting leaves nothing", async () => {
  await Promise.all([clusters.delete("one"), clusters.delete("three")]);
  assert.deepEqual(await clusters.leftOnEngine("one"), []);
  assert.deepEqual(await clusters.leftOnEngine("three"), []);
});
