import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { V1Node } from "@kubernetes/client-node";
import { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { UpdateNodeRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { KubernetesClient } from "../../../services/cluster/kubernetes/client.ts";
import { inspectContainer } from "../../../services/common/engine/api/containers.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";

const ID = "dev";
const NODE = `${ID}-control-plane`;
const MIB = 1024n ** 2n;

let clusters: TestClusters;
let api: KubernetesClient;
before(async () => {
  clusters = await TestClusters.start();
  await clusters.created(ID);
  api = await clusters.api(ID);
});
after(() => clusters?.[Symbol.asyncDispose]());

type Changes = Parameters<typeof Node.fromPartial>[0]["spec"];

/** Resolves to the node as the operation answers it. */
async function update(spec: Changes, mask: string[] = []): Promise<Node> {
  const node = { meta: { name: `${clusters.name(ID)}/nodes/${NODE}` }, spec };
  const request = { ...UpdateNodeRequest.fromPartial({ node } as never), updateMask: mask };
  const done = await clusters.wait(await call(clusters.client, "updateNode", request, clusters.token));
  if (done.result?.$case !== "response") throw new Error("the operation has no response");
  return Node.decode(done.result.value.value);
}

function kubernetesNode(): Promise<V1Node> {
  return api.get<V1Node>(`/api/v1/nodes/${NODE}`);
}

async function fieldsOf(work: Promise<unknown>): Promise<string[]> {
  return (await failure(work)).violations.map(({ field, description }) => `${field}: ${description}`);
}

test("labels and taints come and go in Kubernetes; those that others gave the node stay", async () => {
  const patch = {
    metadata: { labels: { theirs: "kept" } },
    spec: { taints: [{ key: "theirs", effect: "PreferNoSchedule" }] },
  };
  const contentType = "application/merge-patch+json";
  await api.call("PATCH", `/api/v1/nodes/${NODE}`, { body: patch, contentType });
  const taint = { key: "ours", value: "a", effect: "PreferNoSchedule" };
  const { spec } = await update({ labels: { disk: "fast", "node-role.kubernetes.io/db": "" }, taints: [taint] });
  assert.equal(spec!.taints[0]!.key, "ours");
  const given = await kubernetesNode();
  const { theirs, disk } = given.metadata!.labels!;
  assert.deepEqual([theirs, disk, given.metadata!.labels!["node-role.kubernetes.io/db"]], ["kept", "fast", ""]);
  assert.deepEqual(given.spec!.taints, [{ key: "theirs", effect: "PreferNoSchedule" }, taint]);

  await update({ labels: { disk: "slow" } }, ["spec.labels", "spec.taints"]);
  const taken = await kubernetesNode();
  assert.deepEqual([taken.metadata!.labels!["disk"], taken.metadata!.labels!["theirs"]], ["slow", "kept"]);
  assert.equal("node-role.kubernetes.io/db" in taken.metadata!.labels!, false);
  assert.deepEqual(taken.spec!.taints, [{ key: "theirs", effect: "PreferNoSchedule" }]);
});

test("new limits hold for the container, and are what Kubernetes may allocate; none is none again", async () => {
  const { capacity } = (await kubernetesNode()).status!;
  await update({ cpuMillis: 1_500n, memoryBytes: 2_048n * MIB });
  const limited = (await inspectContainer(clusters.engine, NODE)).HostConfig;
  assert.deepEqual([limited.NanoCpus, limited.Memory], [1.5e9, Number(2_048n * MIB)]);
  const { allocatable } = (await kubernetesNode()).status!;
  assert.deepEqual([allocatable!["cpu"], allocatable!["memory"]], ["1500m", "2Gi"]);

  await update({}, ["spec.cpu_millis", "spec.memory_bytes"]);
  const free = (await kubernetesNode()).status!.allocatable!;
  assert.deepEqual([free["cpu"], free["memory"]], [capacity!["cpu"], capacity!["memory"]]);
});

test("what cannot be changed is refused, every field by name, and nothing is changed", async () => {
  const before = await kubernetesNode();
  const wrong = { devices: ["example.com/gpu=0"], image: "other:1", memoryBytes: 1n, labels: { "bad key": "" } };
  assert.deepEqual(
    (await fieldsOf(update(wrong))).map((text) => text.slice(0, text.indexOf(":"))),
    ["node.spec.image", "node.spec.devices", `node.spec.labels["bad key"]`, "node.spec.memory_bytes"],
  );
  assert.match(
    (await fieldsOf(update({}, ["spec.role", "spec.nothing"]))).join("\n"),
    /"spec.role" cannot[^]*"spec.nothing"/,
  );

  const spec = { nodeGroups: [{ count: 2 }], networking: { podSubnet: "10.1.0.0/16" } };
  const cluster = Cluster.fromPartial({ meta: { name: clusters.name(ID) }, spec } as never);
  const request = { cluster, updateMask: undefined, requestId: "" };
  assert.deepEqual(await fieldsOf(call(clusters.client, "updateCluster", request, clusters.token)), [
    "cluster.spec.node_groups: cannot be changed: nodes are changed by UpdateNode, AddNodes and RemoveNode",
    "cluster.spec.networking: cannot be changed",
  ]);
  assert.deepEqual((await kubernetesNode()).metadata!.labels, before.metadata!.labels);
});
