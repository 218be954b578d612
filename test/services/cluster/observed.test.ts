import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { listContainers, removeContainer } from "../../../services/common/engine/api/containers.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { TestClusters } from "./support/clusters.ts";

const WAIT_MS = 30_000;

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start();
});
after(() => clusters?.[Symbol.asyncDispose]());

test("status follows what engine and Kubernetes show; what its API shows is in the project's mirror", async () => {
  await clusters.created("dev", { workers: 1 });
  const mirror = clusters.platform.mirror("projects/default");
  await mirror.start();
  const shown = (name: string) =>
    mirror.replica.get(`kubernetes/dev/${name}`)?.d as Record<string, unknown> | undefined;
  await clusters.until("both nodes are shown", async () => {
    return (
      shown("KubernetesNode/dev-control-plane")?.["ready"] && shown("KubernetesNode/dev-worker")?.["ready"] === true
    );
  });
  assert.ok(shown("Namespace/kube-system"));

  mirror.close();
});

test("a worker that is taken away by hand is lost, and the cluster degraded", async () => {
  await removeContainer(clusters.engine, "dev-worker");
  await clusters.until("lost", async () => {
    const [, worker] = await clusters.nodes("dev");
    return worker!.status!.state === NodeState.NODE_STATE_LOST;
  });
  await clusters.until(
    "degraded",
    async () => (await clusters.get("dev")).status!.state === ClusterState.CLUSTER_STATE_DEGRADED,
  );
});

test("a cluster whose containers are all taken away, as by `kind delete cluster`, is gone with all it had", async () => {
  const label = ["io.x-k8s.kind.cluster=dev"];
  for (const { Id } of await listContainers(clusters.engine, { label })) await removeContainer(clusters.engine, Id);
  await clusters.until("the record is gone", () => clusters.get("dev").then(() => false, isNotFound), WAIT_MS);
  assert.deepEqual(await clusters.leftOnEngine("dev"), []);
});

function isNotFound(error: unknown): boolean {
  if (error instanceof GantryError && error.reason === "NOT_FOUND") return true;
  throw error;
}
