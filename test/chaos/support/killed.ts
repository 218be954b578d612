import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { fromRpcStatus } from "../../../services/common/errors/status.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { askPod, runPod, webPod } from "../../services/cluster/support/pods.ts";
import type { ClusterScene, Killed } from "./cluster-scene.ts";

const POD_TIMEOUT_MS = 60_000;

export function deletion(scene: ClusterScene, id: string): Promise<Operation> {
  const { client, token } = scene.clusters;
  return call(client, "deleteCluster", { name: scene.clusters.name(id), etag: "", requestId: "" }, token);
}

/** Which steps were hit is told; each of `wanted` was: those that last. Short ones may be over before the watcher is there again. */
export function checkHits(context: TestContext, { hit, resumeMs }: Killed, wanted: readonly string[]): void {
  context.diagnostic(`killed in ${hit.join(", ")}; went on within ${Math.round(resumeMs)} ms`);
  const missed = wanted.filter((step) => !hit.includes(step));
  assert.deepEqual(missed, [], "steps that no kill hit");
}

export function succeeded({ operation }: Killed): void {
  const { result } = operation;
  if (result?.$case === "error") throw fromRpcStatus(result.value);
  assert.equal(result?.$case, "response");
}

export function wasCancelled({ operation }: Killed): void {
  assert.ok(operation.result?.$case === "error", JSON.stringify(operation.result));
  const { reason, metadata } = fromRpcStatus(operation.result.value);
  assert.deepEqual([reason, metadata["undoFailed"]], ["CANCELLED", undefined]);
}

/** On the node, in the cluster's own words: scheduled or not, it answers all nodes. */
export async function podAnswers(
  scene: ClusterScene,
  id: string,
  node: string,
  from: readonly string[],
): Promise<void> {
  const { clusters } = scene;
  const api = await clusters.api(id);
  const name = `on-${node}`;
  const { ip } = await runPod(api, webPod(name, node), POD_TIMEOUT_MS);
  for (const container of from) await askPod(clusters.engine, container, ip, POD_TIMEOUT_MS);
  await api.call("DELETE", `/api/v1/namespaces/default/pods/${name}`, { body: { gracePeriodSeconds: 0 } });
}
