import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import type { V1ConfigMap, V1Node, V1Secret } from "@kubernetes/client-node";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ForkClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { parseAdminConf } from "../../../services/cluster/kubernetes/credentials.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";
import { askAs } from "./support/ask-as.ts";
import { askPod, runPod, webPod } from "./support/pods.ts";

const TIMEOUT_MS = 90_000;
/** A fork lets its source stand still no longer. */
const PAUSE_MS_MAX = 2_000;
const MAPS = "/api/v1/namespaces/default/configmaps";

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start();
  await clusters.created("source", { workers: 1 });
});
after(() => clusters?.[Symbol.asyncDispose]());

function fork(id: string, more: Partial<ForkClusterRequest> = {}): Promise<Operation> {
  const request = { source: clusters.name("source"), parent: "projects/default", clusterId: id, ...more };
  return call(clusters.client, "forkCluster", ForkClusterRequest.fromPartial(request), clusters.token);
}

test("a fork is a cluster of its own with the source's objects, files and node names", async () => {
  const source = await clusters.api("source");
  await source.call("POST", MAPS, { body: { metadata: { name: "both" }, data: { from: "source" } } });
  await runPod(source, webPod("web", "source-worker"), TIMEOUT_MS);
  const written = ["sh", "-c", "mkdir -p /var/local && echo kept > /var/local/data"];
  await inNode("source-worker", written);

  const begun = Date.now();
  const cluster = await clusters.clusterOf(await fork("copy"));
  const stoodMs = await pausedMs(begun);
  assert.ok(stoodMs > 0 && stoodMs <= PAUSE_MS_MAX, `the source stood still for ${stoodMs} ms`);
  assert.equal(cluster.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.deepEqual([cluster.status!.nodeCount, cluster.status!.readyNodeCount], [2, 2]);
  const nodes = await clusters.nodes("copy");
  assert.deepEqual(
    nodes.map(({ meta, reservation }) => [meta!.name.split("/").at(-1), reservation!.kubernetesName]),
    [
      ["copy-control-plane", "source-control-plane"],
      ["copy-worker", "source-worker"],
    ],
  );
  const copy = await clusters.api("copy");
  assert.deepEqual((await copy.get<V1ConfigMap>(`${MAPS}/both`)).data, { from: "source" });
  assert.equal((await inNode("copy-worker", ["cat", "/var/local/data"])).trim(), "kept");
  const { ip } = await runPod(copy, webPod("more", "source-worker"), TIMEOUT_MS);
  await askPod(clusters.engine, "copy-control-plane", ip, TIMEOUT_MS);

  // From here on each goes its own way.
  await copy.call("PATCH", `${MAPS}/both`, {
    body: { data: { from: "copy" } },
    contentType: "application/merge-patch+json",
  });
  assert.deepEqual((await source.get<V1ConfigMap>(`${MAPS}/both`)).data, { from: "source" });
});

test("the fork's addresses are its own, everywhere", async () => {
  const [source, copy] = [await clusters.get("source"), await clusters.get("copy")];
  assert.notEqual(source.reservation!.subnet, copy.reservation!.subnet);
  const api = await clusters.api("copy");
  const { items } = await api.get<{ items: V1Node[] }>("/api/v1/nodes");
  const addresses = items.map(({ status }) => status!.addresses!.find(({ type }) => type === "InternalIP")!.address);
  const reserved = (await clusters.nodes("copy")).map(({ reservation }) => reservation!.ipv4);
  assert.deepEqual(addresses.toSorted(), reserved.toSorted());
  const endpoints = await api.get<{ subsets: { addresses: { ip: string }[] }[] }>(
    "/api/v1/namespaces/default/endpoints/kubernetes",
  );
  assert.deepEqual(
    endpoints.subsets.flatMap((subset) => subset.addresses.map(({ ip }) => ip)),
    [copy.reservation!.apiIpv4],
  );
  const own = [
    "grep",
    "-rlE",
    `${source.reservation!.apiIpv4}[^0-9]|source-api`,
    "/etc/kubernetes",
    "/kind",
    "/etc/hosts",
  ];
  const left = await failure(inNode("copy-control-plane", own));
  assert.equal(left.metadata["exitCode"], "1", "nothing of the source's addresses is left in files");
});

test("who may do something in the source may do nothing in the fork: keys, tokens, and the other way round", async () => {
  const [source, copy] = [await clusters.get("source"), await clusters.get("copy")];
  const [admin, own] = [await adminOf("source-control-plane"), await adminOf("copy-control-plane")];
  assert.notEqual(admin.ca, own.ca);
  const host = (cluster: typeof copy): string => cluster.reservation!.apiIpv4;
  assert.equal(await askAs(host(copy), { cert: own.certificate, key: own.key }), 200);
  assert.equal(await askAs(host(copy), { cert: admin.certificate, key: admin.key }), 401);
  assert.equal(await askAs(host(source), { cert: own.certificate, key: own.key }), 401);

  const [there, here] = [await tokens("source"), await tokens("copy")];
  assert.deepEqual([...there.keys()].toSorted(), [...here.keys()].toSorted(), "the same names");
  const name = [...there.keys()].find((each) => each.startsWith("kube-system/namespace-controller"))!;
  assert.equal(await askAs(host(copy), {}, here.get(name)), 200);
  assert.equal(await askAs(host(copy), {}, there.get(name)), 401);
  assert.equal(await askAs(host(source), {}, here.get(name)), 401);

  const api = await clusters.api("copy");
  const system = "/api/v1/namespaces/kube-system/configmaps";
  const trust = await api.get<V1ConfigMap>(`${system}/extension-apiserver-authentication`);
  assert.equal(trust.data!["client-ca-file"]!.trim(), own.ca.trim());
  assert.equal((await api.get<V1ConfigMap>(`${system}/kube-root-ca.crt`)).data!["ca.crt"]!.trim(), own.ca.trim());
  const info = await api.get<V1ConfigMap>("/api/v1/namespaces/kube-public/configmaps/cluster-info");
  assert.match(info.data!["kubeconfig"]!, /https:\/\/copy-api:6443/);
  assert.ok(info.data!["kubeconfig"]!.includes(Buffer.from(own.ca).toString("base64")));
});

test("a fork leaves the source as it was, and nothing of its own when it fails", async () => {
  assert.equal((await clusters.get("source")).status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.deepEqual(await captures(), [], "what the fork was made from is gone");
  const error = await failure(fork("copy"));
  assert.equal(error.reason, "ALREADY_EXISTS");
  const missing = { source: "projects/default/clusterSnapshots/none" };
  assert.equal((await failure(fork("other", missing))).reason, "NOT_FOUND");
  assert.deepEqual(await clusters.leftOnEngine("other"), []);
});

test("a stopped cluster can be forked, and the fork runs", async () => {
  await clusters.delete("copy");
  await clusters.verb("stop", "source");
  const cluster = await clusters.clusterOf(await fork("again"));
  assert.equal(cluster.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.equal((await clusters.get("source")).status!.state, ClusterState.CLUSTER_STATE_STOPPED);
  const api = await clusters.api("again");
  assert.deepEqual((await api.get<V1ConfigMap>(`${MAPS}/both`)).data, { from: "source" });
});

/** From the first node that was paused to the last that ran again, as the engine tells it. */
async function pausedMs(sinceMs: number): Promise<number> {
  const query = {
    since: String(Math.floor(sinceMs / 1_000)),
    until: String(Math.ceil(Date.now() / 1_000)),
    filters: { type: ["container"], event: ["pause", "unpause"] },
  };
  const lines = await text(await clusters.engine.stream("GET", "/events", { query }));
  const events = lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { Action: string; timeNano: number });
  const times = (action: string): number[] => events.filter((e) => e.Action === action).map((e) => e.timeNano / 1e6);
  return Math.max(...times("unpause")) - Math.min(...times("pause"));
}

function inNode(container: string, command: string[]): Promise<string> {
  return runInNode({ engine: clusters.engine, container, command, signal: AbortSignal.timeout(TIMEOUT_MS) });
}

async function adminOf(container: string) {
  return parseAdminConf(await inNode(container, ["cat", "/etc/kubernetes/admin.conf"]), container);
}

async function tokens(id: string): Promise<Map<string, string>> {
  const api = await clusters.api(id);
  const { items } = await api.get<{ items: V1Secret[] }>("/api/v1/secrets");
  return new Map(
    items
      .filter(({ type }) => type === "kubernetes.io/service-account-token")
      .map(({ metadata, data }) => [
        `${metadata!.namespace}/${metadata!.name}`,
        Buffer.from(data!["token"]!, "base64").toString(),
      ]),
  );
}

async function captures(): Promise<string[]> {
  return readdir(join(clusters.platform.dataDir, "cluster-snapshots"));
}
