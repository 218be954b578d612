import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { V1ConfigMap, V1Node } from "@kubernetes/client-node";
import { parse } from "yaml";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { askServer, healthAgent } from "../../../services/cluster/api-address/ask-server.ts";
import { connectEtcd } from "../../../services/cluster/etcd/connect.ts";
import { TestClusters } from "./support/clusters.ts";

const NAMES = ["trio-control-plane", "trio-control-plane2", "trio-control-plane3"];
const { signal } = new AbortController();

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start();
});
after(() => clusters?.[Symbol.asyncDispose]());

async function etcdMembers(): Promise<string[]> {
  using etcd = await connectEtcd(clusters.engine, await clusters.nodes("trio"), signal);
  return (await etcd.members(signal)).map(({ name }) => name).toSorted();
}

async function askAddress(): Promise<string> {
  const agent = healthAgent();
  try {
    return await askServer(agent, { host: (await clusters.get("trio")).reservation!.apiIpv4 }, signal);
  } finally {
    agent.destroy();
  }
}

test("three control planes: one etcd, an API server on each, and kubeadm's own notes of them", async () => {
  const started = performance.now();
  const trio = await clusters.created("trio", { controlPlanes: 3 });
  console.log(`three control planes in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  assert.equal(trio.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.equal(trio.status!.readyNodeCount, 3);
  assert.deepEqual(await etcdMembers(), NAMES);
  assert.equal(await askAddress(), "ready");

  const api = await clusters.api("trio");
  for (const { metadata } of (await api.get<{ items: V1Node[] }>("/api/v1/nodes")).items) {
    assert.equal(metadata!.labels!["node-role.kubernetes.io/master"], "", metadata!.name);
  }
  const config = await api.get<V1ConfigMap>("/api/v1/namespaces/kube-system/configmaps/kubeadm-config");
  const { apiEndpoints } = parse(config.data!["ClusterStatus"]!) as { apiEndpoints: object };
  assert.deepEqual(Object.keys(apiEndpoints).toSorted(), NAMES);
  assert.doesNotMatch(config.data!["ClusterConfiguration"]!, /initial-cluster/);
});
