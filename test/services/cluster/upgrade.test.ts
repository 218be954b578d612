import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { V1ConfigMap, V1Node } from "@kubernetes/client-node";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { UpgradeClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { putFiles } from "../../../services/cluster/nodes/put-files.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { createContainer, listContainers, removeContainer } from "../../../services/common/engine/api/containers.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { BUSYBOX, NODE, NODE_NEXT } from "../../images/images.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";
import { askPod, POD_IMAGE, runPod, webPod } from "./support/pods.ts";

const ID = "dev";
const TIMEOUT_MS = 90_000;
const MAPS = "/api/v1/namespaces/default/configmaps";
const LOADED = "example.com/loaded:1";

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start({ images: [BUSYBOX, NODE, NODE_NEXT] });
  await clusters.created(ID, { workers: 1 });
});
after(() => clusters?.[Symbol.asyncDispose]());

function upgrade(image: string, more: Partial<UpgradeClusterRequest> = {}): Promise<Operation> {
  const request = UpgradeClusterRequest.fromPartial({ name: clusters.name(ID), image, ...more });
  return call(clusters.client, "upgradeCluster", request, clusters.token);
}

test("a node that cannot be upgraded is put back as it was", async () => {
  const api = await clusters.api(ID);
  await api.call("POST", MAPS, { body: { metadata: { name: "kept" }, data: { a: "b" } } });
  const broken = await brokenImage();
  const error = await failure(upgrade(broken).then((operation) => clusters.wait(operation)));
  assert.match(error.message, /kubeadm in dev-control-plane ended with code 3/);
  const cluster = await clusters.until(
    "the cluster runs as before",
    async () => {
      const now = await clusters.get(ID);
      return now.status!.state === ClusterState.CLUSTER_STATE_RUNNING && now;
    },
    TIMEOUT_MS,
  );
  assert.equal(cluster.spec!.image, NODE);
  assert.equal(cluster.status!.kubernetesVersion, "v1.20.2");
  for (const node of await clusters.nodes(ID)) assert.equal(node.spec!.image, "");
  const containers = await listContainers(clusters.engine);
  assert.deepEqual(containers.map(({ Names }) => Names[0]).toSorted(), [`/${ID}-control-plane`, `/${ID}-worker`]);
  const { items } = await api.get<{ items: V1Node[] }>("/api/v1/nodes");
  for (const { spec } of items) assert.equal(spec!.unschedulable, undefined);
});

test("to the next version, node by node: objects, files and images that were loaded are there as before", async () => {
  const api = await clusters.api(ID);
  await inNode(`${ID}-worker`, [
    "sh",
    "-c",
    "mkdir -p /var/local-path-provisioner && echo kept > /var/local-path-provisioner/data",
  ]);
  await inNode(`${ID}-worker`, ["ctr", "--namespace", "k8s.io", "images", "tag", POD_IMAGE, LOADED]);

  const cluster = await clusters.clusterOf(await upgrade(NODE_NEXT));
  assert.equal(cluster.spec!.image, NODE_NEXT);
  assert.equal(cluster.status!.kubernetesVersion, "v1.20.3");
  assert.deepEqual([cluster.status!.nodeCount, cluster.status!.readyNodeCount], [2, 2]);
  const { items } = await api.get<{ items: V1Node[] }>("/api/v1/nodes");
  for (const { status, spec } of items) {
    assert.equal(status!.nodeInfo!.kubeletVersion, "v1.20.3");
    assert.equal(spec!.unschedulable, undefined);
  }
  for (const node of await clusters.nodes(ID)) assert.equal(node.spec!.image, "", "the cluster's own");
  assert.deepEqual((await api.get<V1ConfigMap>(`${MAPS}/kept`)).data, { a: "b" });
  assert.equal((await inNode(`${ID}-worker`, ["cat", "/var/local-path-provisioner/data"])).trim(), "kept");
  const images = await inNode(`${ID}-worker`, ["ctr", "--namespace", "k8s.io", "images", "list", "--quiet"]);
  assert.ok(images.split("\n").includes(LOADED));
  assert.equal((await listContainers(clusters.engine)).length, 2, "nothing of what was before is left");

  const config = await api.get<V1ConfigMap>("/api/v1/namespaces/kube-system/configmaps/kubeadm-config");
  assert.match(config.data!["ClusterConfiguration"]!, /kubernetesVersion: v1\.20\.3/);
  const { ip } = await runPod(api, webPod("web", `${ID}-worker`), TIMEOUT_MS);
  await askPod(clusters.engine, `${ID}-control-plane`, ip, TIMEOUT_MS);
});

test("back to an older version, and to what is no node image: refused at once", async () => {
  assert.match((await failure(upgrade(NODE))).message, /downgrade/);
  assert.match((await failure(upgrade(BUSYBOX))).message, /not a node image/);
  assert.equal((await clusters.get(ID)).meta!.operation, "");
});

/** A node image of the next version whose kubeadm does nothing but fail. */
async function brokenImage(): Promise<string> {
  const { engine } = clusters;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const [repo, tag] = ["gantry-test/broken", "v1.20.3"];
  await createContainer(engine, "broken", { Image: NODE_NEXT });
  await putFiles(engine, "broken", [{ path: "/usr/bin/kubeadm", mode: 0o755, content: "#!/bin/sh\nexit 3\n" }], signal);
  await engine.call("POST", "/commit", { query: { container: "broken", repo, tag }, timeoutMs: TIMEOUT_MS });
  await removeContainer(engine, "broken");
  return `${repo}:${tag}`;
}

function inNode(container: string, command: string[]): Promise<string> {
  return runInNode({ engine: clusters.engine, container, command, signal: AbortSignal.timeout(TIMEOUT_MS) });
}
