import { after, before, test } from "node:test";
import { AddNodesRequest, RemoveNodeRequest } from "../../proto/gen/gantry/cluster/v1/service.ts";
import { NodeRole } from "../../proto/gen/gantry/cluster/v1/node.ts";
import type { Operation } from "../../proto/gen/google/longrunning/operations.ts";
import { call } from "../../services/common/rpc/client.ts";
import { ClusterScene } from "./support/cluster-scene.ts";
import { checkHits, deletion, podAnswers, succeeded, wasCancelled } from "./support/killed.ts";
import { assertWholeClusters } from "./support/whole-clusters.ts";

let scene: ClusterScene;
before(async () => {
  scene = await ClusterScene.start();
});
after(() => scene?.[Symbol.asyncDispose]());

function addWorker(id: string): Promise<Operation> {
  const { client, token } = scene.clusters;
  const nodes = { count: 1, spec: { role: NodeRole.NODE_ROLE_WORKER } };
  return call(client, "addNodes", AddNodesRequest.fromPartial({ name: scene.clusters.name(id), nodes }), token);
}

function removeNode(id: string, node: string): Promise<Operation> {
  const { client, token } = scene.clusters;
  const name = `${scene.clusters.name(id)}/nodes/${node}`;
  return call(client, "removeNode", RemoveNodeRequest.fromPartial({ name, drainTimeout: { seconds: 30n } }), token);
}

test("kill -9 at every step of a creation", async (context) => {
  const killed = await scene.killAtEveryStep(await scene.clusters.create("dev", { workers: 1 }));
  succeeded(killed);
  checkHits(context, killed, ["create-nodes", "begin-control-plane"]);
  await assertWholeClusters(scene, ["dev"]);
  await podAnswers(scene, "dev", "dev-worker", ["dev-control-plane", "dev-worker"]);
});

test("kill -9 at every step of an addition", async (context) => {
  const killed = await scene.killAtEveryStep(await addWorker("dev"));
  succeeded(killed);
  checkHits(context, killed, ["create-added-nodes"]);
  await assertWholeClusters(scene, ["dev"]);
  await podAnswers(scene, "dev", "dev-worker2", ["dev-control-plane", "dev-worker", "dev-worker2"]);
});

test("kill -9 at every step of a removal", async (context) => {
  const killed = await scene.killAtEveryStep(await removeNode("dev", "dev-worker"));
  succeeded(killed);
  checkHits(context, killed, ["drain-nodes"]);
  await assertWholeClusters(scene, ["dev"]);
});

test("kill -9 at every step of a deletion", async (context) => {
  const killed = await scene.killAtEveryStep(await deletion(scene, "dev"));
  succeeded(killed);
  checkHits(context, killed, ["remove-nodes"]);
  await assertWholeClusters(scene, []);
});

test("kill -9 at every step of a creation that a deletion takes over from, in its undo", async (context) => {
  const creation = await scene.clusters.create("late", { workers: 1 });
  await scene.reaches(creation, "begin-control-plane");
  const taking = await deletion(scene, "late");
  const killed = await scene.killAtEveryStep(creation);
  wasCancelled(killed);
  checkHits(context, killed, []);
  succeeded(await scene.killAtEveryStep(taking));
  await assertWholeClusters(scene, []);
});
