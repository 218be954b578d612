import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { V1ConfigMap, V1Node } from "@kubernetes/client-node";
import {
  AddNodesRequest,
  ForkClusterRequest,
  RestoreClusterRequest,
  SnapshotClusterRequest,
  UpgradeClusterRequest,
} from "../../proto/gen/gantry/cluster/v1/service.ts";
import { NodeRole } from "../../proto/gen/gantry/cluster/v1/node.ts";
import type { Operation } from "../../proto/gen/google/longrunning/operations.ts";
import { inspectContainer } from "../../services/common/engine/api/containers.ts";
import { call } from "../../services/common/rpc/client.ts";
import { BUSYBOX, NODE, NODE_NEXT } from "../images/images.ts";
import { ClusterScene } from "./support/cluster-scene.ts";
import { checkHits, deletion, podAnswers, succeeded, wasCancelled } from "./support/killed.ts";
import { firstPause } from "./support/pauses.ts";
import { assertWholeClusters } from "./support/whole-clusters.ts";

const SNAPSHOT = "projects/default/clusterSnapshots/kept";
const MAPS = "/api/v1/namespaces/default/configmaps";
/** From the service being back to the nodes running on: it has taken up its work by then. */
const RUNS_ON_MS = 15_000;

let scene: ClusterScene;
before(async () => {
  scene = await ClusterScene.start({ images: [BUSYBOX, NODE, NODE_NEXT] });
  await scene.clusters.created("dev", { workers: 1 });
  const api = await scene.clusters.api("dev");
  await api.call("POST", MAPS, { body: { metadata: { name: "state" }, data: { is: "first" } } });
});
after(() => scene?.[Symbol.asyncDispose]());

test("kill -9 at every step of a fork", async (context) => {
  const { clusters } = scene;
  const request = { source: clusters.name("dev"), parent: "projects/default", clusterId: "copy" };
  const asked = call(clusters.client, "forkCluster", ForkClusterRequest.fromPartial(request), clusters.token);
  const killed = await scene.killAtEveryStep(await asked);
  succeeded(killed);
  checkHits(context, killed, ["capture-source", "create-forked-nodes", "begin-fork", "join-fork"]);
  await assertWholeClusters(scene, ["copy", "dev"]);
  assert.deepEqual(await stateOf("copy"), { is: "first" });
  await podAnswers(scene, "copy", "dev-worker", ["copy-control-plane", "copy-worker"]);
  assert.deepEqual(await captures(), [], "what the fork was made from");
  succeeded(await scene.killAtEveryStep(await deletion(scene, "copy")));
  await assertWholeClusters(scene, ["dev"]);
});

test("kill -9 while a snapshot lets the nodes stand still: they run on as soon as the service is back", async () => {
  const { clusters } = scene;
  const operation = await killAtPause(snapshot("kept"));
  await clusters.wait(operation);
  await assertWholeClusters(scene, ["dev"]);
});

test("kill -9 while a snapshot lets the nodes stand still, and a cancellation: they run on, and nothing is left of it", async () => {
  const { clusters } = scene;
  const { name } = await killAtPause(snapshot("given-up"), async (operation) => {
    await call(clusters.operations, "cancelOperation", { name: operation.name }, clusters.token);
  });
  const operation = await clusters.until("it has ended", async () => {
    const now = await call(clusters.operations, "getOperation", { name }, clusters.token);
    return now.done && now;
  });
  wasCancelled({ operation, hit: [], resumeMs: 0 });
  assert.equal((await captures()).length, 1, "that of the one before");
  await assertWholeClusters(scene, ["dev"]);
});

test("kill -9 at every step of a restoration", async (context) => {
  const { clusters } = scene;
  const api = await clusters.api("dev");
  const body = { data: { is: "second" } };
  await api.call("PATCH", `${MAPS}/state`, { body, contentType: "application/merge-patch+json" });
  const request = RestoreClusterRequest.fromPartial({ name: clusters.name("dev"), snapshot: SNAPSHOT });
  const killed = await scene.killAtEveryStep(await call(clusters.client, "restoreCluster", request, clusters.token));
  succeeded(killed);
  checkHits(context, killed, ["stop-nodes", "restore-nodes", "return-control-plane"]);
  await assertWholeClusters(scene, ["dev"]);
  assert.deepEqual(await stateOf("dev"), { is: "first" });
});

test("an addition that is cancelled and killed in its undo leaves nothing", async (context) => {
  const { clusters } = scene;
  const nodes = { count: 1, spec: { role: NodeRole.NODE_ROLE_WORKER } };
  const request = AddNodesRequest.fromPartial({ name: clusters.name("dev"), nodes });
  const operation = await call(clusters.client, "addNodes", request, clusters.token);
  await scene.reaches(operation, "wait-ready");
  await call(clusters.operations, "cancelOperation", { name: operation.name }, clusters.token);
  const killed = await scene.killAtEveryStep(operation);
  wasCancelled(killed);
  checkHits(context, killed, []);
  await assertWholeClusters(scene, ["dev"]);
});

test("kill -9 in every part of an upgrade, node by node", async (context) => {
  const { clusters } = scene;
  const request = UpgradeClusterRequest.fromPartial({ name: clusters.name("dev"), image: NODE_NEXT });
  const asked = call(clusters.client, "upgradeCluster", request, clusters.token);
  const killed = await scene.killAtEveryStep(await asked);
  succeeded(killed);
  checkHits(context, killed, ["upgrade-nodes: waiting for dev-control-plane"]);
  // A worker that was killed in one of its parts may be Ready before its last one is told.
  assert.ok(
    killed.hit.some((part) => part.startsWith("upgrade-nodes: ") && part.includes("dev-worker")),
    "no kill hit the worker",
  );
  await assertWholeClusters(scene, ["dev"]);
  const api = await clusters.api("dev");
  const { items } = await api.get<{ items: V1Node[] }>("/api/v1/nodes");
  for (const { metadata, status } of items) assert.equal(status!.nodeInfo!.kubeletVersion, "v1.20.3", metadata!.name);
  assert.deepEqual(await stateOf("dev"), { is: "first" });
  await podAnswers(scene, "dev", "dev-worker", ["dev-control-plane", "dev-worker"]);
});

function snapshot(snapshotId: string): Promise<Operation> {
  const { clusters } = scene;
  const request = SnapshotClusterRequest.fromPartial({ name: clusters.name("dev"), snapshotId });
  return call(clusters.client, "snapshotCluster", request, clusters.token);
}

/** Kills the service as the first node stands still, and brings it back; resolves when all nodes run again. */
async function killAtPause(
  asked: Promise<Operation>,
  then: (operation: Operation) => Promise<void> = () => Promise.resolve(),
): Promise<Operation> {
  const { clusters } = scene;
  const paused = firstPause(clusters.engine);
  const operation = await asked;
  await paused;
  await clusters.platform.kill("cluster");
  const stands = await isPaused();
  assert.ok(stands.includes(true), "a node stands still");
  await clusters.platform.start("cluster");
  await then(operation);
  await clusters.until("the nodes run on", async () => !(await isPaused()).includes(true), RUNS_ON_MS);
  return operation;
}

function isPaused(): Promise<boolean[]> {
  const containers = ["dev-control-plane", "dev-worker"];
  const { engine } = scene.clusters;
  return Promise.all(containers.map(async (each) => (await inspectContainer(engine, each)).State.Paused));
}

async function stateOf(id: string): Promise<Record<string, string> | undefined> {
  return (await (await scene.clusters.api(id)).get<V1ConfigMap>(`${MAPS}/state`)).data;
}

async function captures(): Promise<string[]> {
  return readdir(join(scene.clusters.platform.dataDir, "cluster-snapshots"));
}
