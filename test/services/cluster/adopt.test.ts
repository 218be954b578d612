import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { ClusterState, PodNetwork, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeRole, NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Operation } from "../../../proto/gen/google/longrunning/operations.ts";
import { listVolumes } from "../../../services/common/engine/api/volumes.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { connectRedis } from "../../../services/common/redis/connect.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { BUSYBOX, NODE } from "../../images/images.ts";
import { TestClusters } from "./support/clusters.ts";
import { execNode, exportLogs, loadImage } from "./support/node-streams.ts";
import { runPod, webPod } from "./support/pods.ts";
import { RealTools } from "./support/tools.ts";

const POD_TIMEOUT_MS = 90_000;
const NOTICED_MS = 30_000;

let clusters: TestClusters;
let tools: RealTools;
before(async () => {
  clusters = await TestClusters.start({ images: [BUSYBOX, NODE] });
  tools = await RealTools.open(clusters.platform.engine);
  await tools.kindCreate("old", NODE, 1);
});
after(() => clusters?.[Symbol.asyncDispose]());

function adopt(clusterId: string, parent = "projects/default"): Promise<Operation> {
  return call(clusters.client, "adoptCluster", { parent, clusterId, requestId: "" }, clusters.token);
}

async function failure(work: Promise<unknown>): Promise<GantryError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof GantryError, `it must fail: ${String(error)}`);
  return error;
}

const running = (): Promise<unknown> =>
  clusters.until(
    "the cluster runs",
    async () => (await clusters.get("old")).status?.state === ClusterState.CLUSTER_STATE_RUNNING,
    POD_TIMEOUT_MS,
  );

test("refused: bad fields all at once, and a cluster that is not there, with those that are", async () => {
  const bad = await failure(adopt("Not An Id", "nothing"));
  assert.equal(bad.code, Code.INVALID_ARGUMENT);
  const gone = await failure(adopt("nowhere"));
  assert.equal(gone.code, Code.NOT_FOUND);
  assert.match(gone.message, /has no cluster nowhere: those that kind made are old$/);
});

test("refused, with everything that is in the way: what is no cluster of one control plane", async () => {
  const label = (role: string): string[] => [
    "--label",
    "io.x-k8s.kind.cluster=odd",
    "--label",
    `io.x-k8s.kind.role=${role}`,
  ];
  await tools.docker("create", "--name", "odd-worker", ...label("worker"), BUSYBOX);
  await tools.docker("create", "--name", "elsewhere", ...label("worker"), BUSYBOX);
  await tools.docker("create", "--name", "odd-thing", ...label("thing"), BUSYBOX);
  const error = await failure(adopt("odd"));
  assert.deepEqual([error.code, error.reason], [Code.FAILED_PRECONDITION, "NOT_ADOPTABLE"]);
  assert.match(error.message, /it has no control plane/);
  assert.match(error.message, /node elsewhere is not called as kind calls nodes/);
  assert.match(error.message, /container odd-thing is neither control plane nor worker/);
  await tools.docker("rm", "odd-worker", "elsewhere", "odd-thing");
});

test("a cluster that kind made is taken over as it is", async () => {
  const volumes = (await listVolumes(clusters.engine)).length;
  const cluster = await clusters.clusterOf(await adopt("old"));
  await running();
  assert.deepEqual([cluster.status!.adopted, cluster.status!.network], [true, "kind"]);
  const { spec, status } = await clusters.get("old");
  assert.deepEqual([status!.nodeCount, status!.readyNodeCount, status!.kubernetesVersion], [2, 2, "v1.20.2"]);
  assert.deepEqual([spec!.image, spec!.power], [NODE, PowerState.POWER_STATE_RUNNING]);
  const { podSubnet, serviceSubnet, podNetwork, apiServerPort } = spec!.networking!;
  assert.deepEqual(
    [podSubnet, serviceSubnet, podNetwork],
    ["10.244.0.0/16", "10.96.0.0/16", PodNetwork.POD_NETWORK_IMAGE],
  );
  assert.ok(apiServerPort > 0);
  const nodes = await clusters.nodes("old");
  assert.deepEqual(
    nodes.map(({ meta, spec: of, status: is }) => [meta!.name.split("/").at(-1), of!.role, is!.state]),
    [
      ["old-control-plane", NodeRole.NODE_ROLE_CONTROL_PLANE, NodeState.NODE_STATE_READY],
      ["old-worker", NodeRole.NODE_ROLE_WORKER, NodeState.NODE_STATE_READY],
    ],
  );
  assert.equal((await listVolumes(clusters.engine)).length, volumes);
  assert.equal((await failure(adopt("old"))).code, Code.ALREADY_EXISTS);
});

test("its kubeconfig is kind's own, and works", async () => {
  const request = { name: clusters.name("old"), internal: false };
  const { kubeconfig } = await call(clusters.client, "getKubeconfig", request, clusters.token);
  const file = await tools.write("adopted.kubeconfig", kubeconfig);
  const names = await tools.kubectl("--kubeconfig", file, "get", "nodes", "--output=name");
  assert.deepEqual(names.trim().split("\n").toSorted(), ["node/old-control-plane", "node/old-worker"]);
  const server = /server: (\S+)/;
  assert.equal(
    server.exec(Buffer.from(kubeconfig).toString())![1],
    server.exec(await tools.kind("get", "kubeconfig", "--name=old"))![1],
  );
  const internal = await call(clusters.client, "getKubeconfig", { ...request, internal: true }, clusters.token);
  assert.match(Buffer.from(internal.kubeconfig).toString(), /server: https:\/\/old-control-plane:6443/);
});

test("what it runs is observed; commands, images and logs work", async () => {
  const api = await clusters.api("old");
  await tools.docker("tag", BUSYBOX, "example.test/adopted:1");
  const answers = await loadImage(clusters, { name: clusters.name("old"), images: ["example.test/adopted:1"] });
  assert.deepEqual([...answers.at(-1)!.finishedNodes].toSorted(), ["old-control-plane", "old-worker"]);
  const pod = webPod("web", "old-worker");
  pod.spec!.containers[0]!.image = "example.test/adopted:1";
  await runPod(api, pod, POD_TIMEOUT_MS);
  const mirror = clusters.platform.mirror("projects/default");
  await mirror.start();
  const shown = async (): Promise<boolean> => mirror.replica.get("kubernetes/old/Pod/default/web") !== undefined;
  await clusters.until("the pod is in the mirror", shown);
  const ran = await execNode(clusters, `${clusters.name("old")}/nodes/old-worker`, ["hostname"]);
  assert.equal(ran.stdout.toString(), "old-worker\n");
  const logs = await exportLogs(clusters, "old");
  assert.match(logs.get("old-worker/kubelet.log") ?? "", /kubelet/);
});

test("what needs a cluster of Gantry's own making is refused", async () => {
  const request = { name: clusters.name("old"), nodes: undefined, etag: "", requestId: "", retain: false };
  const error = await failure(call(clusters.client, "addNodes", request, clusters.token));
  assert.deepEqual([error.code, error.reason], [Code.FAILED_PRECONDITION, "ADOPTED"]);
});

test("it is stopped and started; a node that is stopped by hand is started again", async () => {
  const stopped = await clusters.verb("stop", "old");
  assert.equal(stopped.status!.state, ClusterState.CLUSTER_STATE_STOPPED);
  const started = await clusters.verb("start", "old");
  assert.equal(started.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  await tools.docker("stop", "--time=1", "old-worker");
  await clusters.until(
    "the node is seen stopped",
    async () => (await clusters.get("old")).status!.readyNodeCount === 1,
  );
  await running();
});

test("its records come back from their files alone", async () => {
  const redis = connectRedis(clusters.platform.redis.url);
  await clusters.platform.kill("cluster");
  await redis.flushall();
  redis.disconnect();
  await clusters.platform.start("cluster");
  await running();
  assert.equal((await clusters.get("old")).status!.adopted, true);
});

test("deleting takes containers and volumes, and leaves kind its network", async () => {
  await clusters.delete("old");
  assert.equal(await tools.docker("ps", "--all", "--quiet", "--filter=label=io.x-k8s.kind.cluster=old"), "");
  assert.deepEqual(await listVolumes(clusters.engine), []);
  assert.match(await tools.docker("network", "ls", "--format={{.Name}}"), /^kind$/m);
  assert.equal((await failure(clusters.get("old"))).code, Code.NOT_FOUND);
});

test("one that `kind delete` takes away goes from the records too", async () => {
  await tools.kindCreate("short", NODE);
  await clusters.clusterOf(await adopt("short"));
  await tools.kind("delete", "cluster", "--name=short");
  await clusters.until(
    "the record is gone",
    async () => (await failureOrNothing(clusters.get("short")))?.code === Code.NOT_FOUND,
    NOTICED_MS,
  );
});

async function failureOrNothing(work: Promise<unknown>): Promise<GantryError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
}
