import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { V1ConfigMap, V1Node } from "@kubernetes/client-node";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ForkClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { connectEtcd } from "../../../services/cluster/etcd/connect.ts";
import { peerUrl } from "../../../services/cluster/etcd/initial-cluster.ts";
import { parseAdminConf } from "../../../services/cluster/kubernetes/credentials.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { askAs } from "./support/ask-as.ts";
import { TestClusters } from "./support/clusters.ts";
import { askAddress, etcdMembers } from "./support/control-planes.ts";
import { askPod, runPod, webPod } from "./support/pods.ts";

const TIMEOUT_MS = 90_000;
/** Less than until a connection that got no answer is tried again, and leads elsewhere. */
const CONNECT_SECONDS = "0.9";
const MAPS = "/api/v1/namespaces/default/configmaps";
const NAMES = ["trio-control-plane", "trio-control-plane2", "trio-control-plane3"] as const;
const { signal } = new AbortController();

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start();
  await clusters.created("trio", { controlPlanes: 3 });
});
after(() => clusters?.[Symbol.asyncDispose]());

test("a control plane whose turn leads to itself reaches the API at once", async () => {
  const { reservation } = await clusters.get("trio");
  const connect = `timeout ${CONNECT_SECONDS} bash -c '>/dev/tcp/${reservation!.apiIpv4}/6443'`;
  const script = Array.from({ length: 3 * NAMES.length }, () => connect).join(" && ");
  for (const name of NAMES) await inNode(name, ["bash", "-c", script]);
});

test("a fork of three control planes has three of its own, with the source's objects and files", async () => {
  const source = await clusters.api("trio");
  await source.call("POST", MAPS, { body: { metadata: { name: "both" }, data: { from: "source" } } });
  await runPod(source, webPod("web", "trio-control-plane3"), TIMEOUT_MS);
  await inNode("trio-control-plane3", ["sh", "-c", "mkdir -p /var/local && echo kept > /var/local/data"]);

  const request = { source: clusters.name("trio"), parent: "projects/default", clusterId: "copy" };
  const operation = await call(clusters.client, "forkCluster", ForkClusterRequest.fromPartial(request), clusters.token);
  const cluster = await clusters.clusterOf(operation);
  assert.equal(cluster.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.deepEqual([cluster.status!.nodeCount, cluster.status!.readyNodeCount], [3, 3]);
  const nodes = await clusters.nodes("copy");
  assert.deepEqual(
    nodes.map(({ reservation }) => reservation!.kubernetesName),
    NAMES,
  );

  const copy = await clusters.api("copy");
  assert.deepEqual((await copy.get<V1ConfigMap>(`${MAPS}/both`)).data, { from: "source" });
  assert.equal((await inNode("copy-control-plane3", ["cat", "/var/local/data"])).trim(), "kept");
  await clusters.until("the source's pod runs here too", async () => {
    const path = "/api/v1/namespaces/default/pods/web";
    const { status } = await copy.get<{ status: { containerStatuses?: { ready: boolean }[] } }>(path);
    return status.containerStatuses?.[0]?.ready;
  });
  const { ip } = await runPod(copy, webPod("more", "trio-control-plane2"), TIMEOUT_MS);
  await askPod(clusters.engine, "copy-control-plane", ip, TIMEOUT_MS);
});

test("each of its members of etcd knows the three at the fork's addresses, and each API server serves", async () => {
  const nodes = await clusters.nodes("copy");
  const wanted = nodes.map(({ reservation }) => `${reservation!.kubernetesName} ${peerUrl(reservation!.ipv4)}`);
  const [own, source] = [await adminOf("copy-control-plane"), await adminOf("trio-control-plane")];
  for (const node of nodes) {
    using etcd = await connectEtcd(clusters.engine, [node], signal);
    const members = (await etcd.members(signal)).map(({ name, peerUrls }) => `${name} ${peerUrls.join()}`);
    assert.deepEqual(members.toSorted(), wanted, node.meta!.name);
    const { ipv4 } = node.reservation!;
    assert.equal(await askAddress(ipv4), "ready");
    assert.equal(await askAs(ipv4, { cert: own.certificate, key: own.key }), 200);
    assert.equal(await askAs(ipv4, { cert: source.certificate, key: source.key }), 401, "the source's kubeconfig");
    const container = node.meta!.name.split("/").at(-1)!;
    const manifest = await inNode(container, ["cat", "/etc/kubernetes/manifests/etcd.yaml"]);
    assert.doesNotMatch(manifest, /force-new-cluster/);
  }
  const { items } = await (await clusters.api("copy")).get<{ items: V1Node[] }>("/api/v1/nodes");
  for (const { metadata } of items) {
    assert.equal(metadata!.labels!["node-role.kubernetes.io/master"], "", metadata!.name);
  }
});

test("the source is as it was, and the fork comes back from a stop as three members", async () => {
  const trio = await clusters.get("trio");
  assert.equal(trio.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.deepEqual(await etcdMembers(clusters, "trio"), NAMES);
  const copy = await clusters.api("copy");
  const patch = { body: { data: { from: "copy" } }, contentType: "application/merge-patch+json" };
  await clusters.verb("stop", "copy");
  await clusters.verb("start", "copy");
  await copy.call("PATCH", `${MAPS}/both`, patch);
  assert.deepEqual((await (await clusters.api("trio")).get<V1ConfigMap>(`${MAPS}/both`)).data, { from: "source" });
  assert.deepEqual(await etcdMembers(clusters, "copy"), NAMES);
});

function inNode(container: string, command: string[]): Promise<string> {
  return runInNode({ engine: clusters.engine, container, command, signal: AbortSignal.timeout(TIMEOUT_MS) });
}

async function adminOf(container: string) {
  return parseAdminConf(await inNode(container, ["cat", "/etc/kubernetes/admin.conf"]), container);
}
