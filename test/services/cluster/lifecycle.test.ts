import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { V1Node } from "@kubernetes/client-node";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { TestClusters } from "./support/clusters.ts";
import { askPod, runPod, webPod } from "./support/pods.ts";

const POD_TIMEOUT_MS = 60_000;

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

  const [controlPlane] = (await api.get<{ items: V1Node[] }>("/api/v1/nodes")).items;
  assert.deepEqual(
    controlPlane!.spec!.taints?.map(({ key }) => key),
    ["node-role.kubernetes.io/master"],
  );
  assert.equal(controlPlane!.spec!.podCIDR, "10.244.0.0/24");
});

test("deleting leaves nothing", async () => {
  await Promise.all([clusters.delete("one"), clusters.delete("three")]);
  assert.deepEqual(await clusters.leftOnEngine("one"), []);
  assert.deepEqual(await clusters.leftOnEngine("three"), []);
});
