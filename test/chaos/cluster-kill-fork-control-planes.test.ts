import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { V1ConfigMap } from "@kubernetes/client-node";
import { ForkClusterRequest } from "../../proto/gen/gantry/cluster/v1/service.ts";
import { call } from "../../services/common/rpc/client.ts";
import { etcdMembers } from "../services/cluster/support/control-planes.ts";
import { ClusterScene } from "./support/cluster-scene.ts";
import { checkHits, succeeded } from "./support/killed.ts";
import { assertWholeClusters } from "./support/whole-clusters.ts";

const MAPS = "/api/v1/namespaces/default/configmaps";

let scene: ClusterScene;
before(async () => {
  scene = await ClusterScene.start();
  await scene.clusters.created("trio", { controlPlanes: 3 });
  const api = await scene.clusters.api("trio");
  await api.call("POST", MAPS, { body: { metadata: { name: "state" }, data: { is: "kept" } } });
});
after(() => scene?.[Symbol.asyncDispose]());

test("kill -9 at every step of a fork of three control planes", async (context) => {
  const { clusters } = scene;
  const request = { source: clusters.name("trio"), parent: "projects/default", clusterId: "copy" };
  const asked = call(clusters.client, "forkCluster", ForkClusterRequest.fromPartial(request), clusters.token);
  const killed = await scene.killAtEveryStep(await asked);
  succeeded(killed);
  checkHits(context, killed, ["begin-fork", "join-fork", "join-forked-control-planes"]);
  await assertWholeClusters(scene, ["copy", "trio"]);
  const api = await clusters.api("copy");
  assert.deepEqual((await api.get<V1ConfigMap>(`${MAPS}/state`)).data, { is: "kept" });
  const names = ["trio-control-plane", "trio-control-plane2", "trio-control-plane3"];
  for (const id of ["copy", "trio"]) assert.deepEqual(await etcdMembers(clusters, id), names, id);
});
