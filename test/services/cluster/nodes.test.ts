import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, test } from "node:test";
import type { V1Node, V1Pod } from "@kubernetes/client-node";
import { AddNodesRequest, RemoveNodeRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import type { KubernetesClient } from "../../../services/cluster/kubernetes/client.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { TestClusters } from "./support/clusters.ts";
import { failure } from "./support/api.ts";
import { askPod, runPod, webPod } from "./support/pods.ts";

const ID = "dev";
const TIMEOUT_MS = 60_000;
const PODS = "/api/v1/namespaces/default/pods";

let clusters: TestClusters;
let api: KubernetesClient;
before(async () => {
  clusters = await TestClusters.start();
  await clusters.created(ID);
  api = await clusters.api(ID);
});
after(() => clusters?.[Symbol.asyncDispose]());

function add(count: number, spec: Record<string, unknown> = {}): Promise<Operation> {
  const nodes = { count, spec: { role: NodeRole.NODE_ROLE_WORKER, ...spec } };
  const request = AddNodesRequest.fromPartial({ name: clusters.name(ID), nodes });
  return call(clusters.client, "addNodes", request, clusters.token);
}

function remove(node: string, more: Partial<RemoveNodeRequest> = {}): Promise<Operation> {
  const request = RemoveNodeRequest.fromPartial({ name: `${clusters.name(ID)}/nodes/${node}`, ...more });
  return call(clusters.client, "removeNode", request, clusters.token);
}

async function kubernetesNodes(): Promise<V1Node[]> {
  return (await api.get<{ items: V1Node[] }>("/api/v1/nodes")).items;
}

test("two workers are added: Ready, with their labels and taints, and their pods and the others' reach each other", async () => {
  const taint = { key: "only", value: "tests", effect: "NoSchedule" };
  const operation = await add(2, { labels: { disk: "fast" }, taints: [taint] });
  const { status } = await clusters.clusterOf(operation);
  assert.deepEqual([status!.nodeCount, status!.readyNodeCount], [3, 3]);
  const workers = (await kubernetesNodes()).filter(({ metadata }) => metadata!.name!.includes("worker"));
  assert.deepEqual(
    workers.map(({ metadata, spec }) => [metadata!.labels!["disk"], spec!.taints?.[0]?.key]),
    [
      ["fast", "only"],
      ["fast", "only"],
    ],
  );
  const pods = [
    webPod("on-control-plane", `${ID}-control-plane`),
    webPod("on-worker", `${ID}-worker`),
    webPod("on-worker2", `${ID}-worker2`),
  ];
  const running = await Promise.all(pods.map((pod) => runPod(api, pod, TIMEOUT_MS)));
  for (const { node } of running) {
    for (const { ip } of running) await askPod(clusters.engine, node, ip, TIMEOUT_MS);
  }
  for (const pod of pods)
    await api.call("DELETE", `${PODS}/${pod.metadata!.name}`, { body: { gracePeriodSeconds: 0 } });
});

test("an addition that fails leaves neither record nor container, nor node, nor route", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port: hostPort } = taken.address() as AddressInfo;
  const operation = await add(1, { ports: [{ port: 80, hostPort }] });
  const error = await failure(clusters.wait(operation));
  taken.close();
  assert.equal(error.reason, "PORT_IN_USE");
  assert.deepEqual((await clusters.nodes(ID)).length, 3);
  assert.equal((await kubernetesNodes()).length, 3);
  const left = (await clusters.leftOnEngine(ID)).filter((name) => /worker3/.test(name));
  assert.deepEqual(left, []);
  assert.equal((await routes(`${ID}-control-plane`)).length, 2);
});

test("a node is drained and removed: a disruption budget holds it up, its end lets it go", async () => {
  await api.call("POST", PODS, { body: { ...webPod("guarded"), spec: tolerant(`${ID}-worker2`) } });
  await clusters.until("the pod runs", async () => (await pod("guarded")).status?.phase === "Running", TIMEOUT_MS);
  const budgets = "/apis/policy/v1beta1/namespaces/default/poddisruptionbudgets";
  const budget = {
    metadata: { name: "guard" },
    spec: { minAvailable: 1, selector: { matchLabels: { app: "guarded" } } },
  };
  await api.call("POST", budgets, { body: budget });
  const refused = await failure(
    remove(`${ID}-worker2`, { drainTimeout: { seconds: 1n, nanos: 0 } }).then((operation) => clusters.wait(operation)),
  );
  assert.equal(refused.reason, "DRAIN_TIMEOUT");
  assert.match(refused.message, /default\/guarded \(.*disruption budget/);
  const kept = (await kubernetesNodes()).find(({ metadata }) => metadata!.name === `${ID}-worker2`);
  assert.equal(kept!.spec!.unschedulable, undefined, "what was not removed takes pods again");

  const operation = await remove(`${ID}-worker2`, { drainTimeout: { seconds: 30n, nanos: 0 } });
  await clusters.until("the node is kept from new pods", async () =>
    (await kubernetesNodes()).some(({ spec }) => spec!.unschedulable),
  );
  await api.call("DELETE", `${budgets}/guard`);
  const { status } = await clusters.clusterOf(operation);
  assert.equal(status!.nodeCount, 2);
  assert.deepEqual(
    (await kubernetesNodes()).map(({ metadata }) => metadata!.name),
    [`${ID}-control-plane`, `${ID}-worker`],
  );
  assert.equal(await api.find(`${PODS}/guarded`), undefined);
  assert.deepEqual((await clusters.nodes(ID)).length, 2);
  assert.equal((await routes(`${ID}-worker`)).length, 1);
});

test("by force a node goes although its budget says no; the last control plane never", async () => {
  await api.call("POST", PODS, { body: { ...webPod("stubborn"), spec: tolerant(`${ID}-worker`) } });
  await clusters.until("the pod runs", async () => (await pod("stubborn")).status?.phase === "Running", TIMEOUT_MS);
  const budgets = "/apis/policy/v1beta1/namespaces/default/poddisruptionbudgets";
  const spec = { minAvailable: 1, selector: { matchLabels: { app: "stubborn" } } };
  await api.call("POST", budgets, { body: { metadata: { name: "guard" }, spec } });
  await clusters.wait(await remove(`${ID}-worker`, { drainTimeout: { seconds: 0n, nanos: 0 }, force: true }));
  assert.deepEqual((await kubernetesNodes()).length, 1);
  assert.equal((await failure(remove(`${ID}-control-plane`))).reason, "LAST_CONTROL_PLANE");
});

function pod(name: string): Promise<V1Pod> {
  return api.get<V1Pod>(`${PODS}/${name}`);
}

/** A pod that the nodes' taint does not keep away. */
function tolerant(node: string): V1Pod["spec"] {
  return { ...webPod("", node).spec!, tolerations: [{ operator: "Exists" }] };
}

async function routes(container: string): Promise<string[]> {
  const command = ["ip", "route", "show", "proto", "196"];
  const shown = await runInNode({
    engine: clusters.engine,
    container,
    command,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return shown.split("\n").filter((line) => line.trim() !== "");
}
