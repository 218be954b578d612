import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { Cluster, ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterServiceClient, type CreateClusterRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { ComputeServiceClient } from "../../../proto/gen/gantry/compute/v1/compute.ts";
import { Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { listContainers } from "../../../services/common/engine/api/containers.ts";
import { Engine } from "../../../services/common/engine/engine.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { BUSYBOX, NODE } from "../../images/images.ts";
import { type Platform, startPlatform } from "../../support/platform.ts";

let platform: Platform;
let client: ClusterServiceClient;
let compute: ComputeServiceClient;
before(async () => {
  platform = await startPlatform({
    services: ["compute", "cluster", "gateway"],
    images: [BUSYBOX, NODE],
    nodeImage: NODE,
  });
  client = platform.client(ClusterServiceClient);
  compute = platform.client(ComputeServiceClient);
});
after(() => platform?.stop());

const LIST = { pageSize: 0, pageToken: "", labelSelector: "" };
const token = () => ({ token: platform.adminToken });

async function failure(work: Promise<unknown>): Promise<GantryError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
const reasonOf = async (work: Promise<unknown>) => (await failure(work)).reason;

function create(clusterId: string, spec: Record<string, unknown> = {}, more: Partial<CreateClusterRequest> = {}) {
  const cluster = Cluster.fromPartial({ meta: {}, spec: spec as never });
  const request = { parent: "projects/default", clusterId, cluster, requestId: "", validateOnly: false, retain: false };
  return call(client, "createCluster", { ...request, ...more }, token());
}
const validate = (id: string, spec: Record<string, unknown> = {}) => create(id, spec, { validateOnly: true });

test("what is not there is NOT_FOUND, by its name", async () => {
  const name = "projects/default/clusters/none-such";
  const gone = async (work: Promise<unknown>, what: string) => {
    const { reason, metadata } = await failure(work);
    assert.deepEqual([reason, metadata["name"]], ["NOT_FOUND", what]);
  };
  const node = `${name}/nodes/none-such-worker`;
  const verb = { name, etag: "", requestId: "" };
  await gone(call(client, "getCluster", { name }, token()), name);
  await gone(call(client, "getNode", { name: node }, token()), node);
  await gone(call(client, "listNodes", { ...LIST, parent: name }, token()), name);
  await gone(call(client, "listClusters", { ...LIST, parent: "projects/none-such" }, token()), "projects/none-such");
  await gone(call(client, "startCluster", verb, token()), name);
  await gone(call(client, "deleteCluster", verb, token()), name);
  await gone(call(client, "getKubeconfig", { name, internal: false }, token()), name);
  await gone(create("dev", {}, { parent: "projects/none-such" }), "projects/none-such");
});

test("lists of a project that has nothing are empty", async () => {
  const { clusters, logId } = await call(client, "listClusters", { ...LIST, parent: "projects/default" }, token());
  assert.deepEqual(clusters, []);
  assert.notEqual(logId, "");
  for (const parent of ["projects/default/clusters/-", "projects/-/clusters/-"]) {
    assert.deepEqual((await call(client, "listNodes", { ...LIST, parent }, token())).nodes, []);
  }
  const { snapshots } = await call(client, "listClusterSnapshots", { ...LIST, parent: "projects/-" }, token());
  assert.deepEqual(snapshots, []);
});

test("everything that is wrong with a request is told at once", async () => {
  const { violations } = await failure(
    create(
      "Dev",
      { nodeGroups: [{ count: 2, spec: { role: 1, memoryBytes: 1n } }], networking: { podSubnet: "x" } },
      { parent: "here", requestId: "none" },
    ),
  );
  assert.deepEqual(violations.map(({ field }) => field).toSorted(), [
    "cluster.spec.networking.pod_subnet",
    "cluster.spec.node_groups",
    "cluster.spec.node_groups[0].spec.memory_bytes",
    "cluster_id",
    "parent",
    "request_id",
  ]);
});

test("an image that is no node image is refused by what it lacks, and leaves no container", async () => {
  const { reason, violations } = await failure(validate("dev", { image: BUSYBOX }));
  assert.deepEqual([reason, violations.map(({ field }) => field)], ["INVALID_ARGUMENT", ["cluster.spec.image"]]);
  for (const part of ["/kind/version", "/usr/local/bin/entrypoint", "kubeadm", "kubelet", "containerd"]) {
    assert.match(violations[0]!.description, new RegExp(`no ${part}(,|$)`));
  }
  const engine = new Engine({ socketPath: platform.engine.socketPath });
  assert.deepEqual(await listContainers(engine), []);
  engine.close();
});

test("an image that can't be had is refused with what helps", async () => {
  const { reason, message } = await failure(validate("dev", { image: "registry.invalid/kindest/node:v9" }));
  assert.equal(reason, "NODE_IMAGE_UNAVAILABLE");
  assert.match(message, /npm run node-image/);
});

test("what the node image cannot do is refused", async () => {
  const { violations } = await failure(validate("dev", { networking: { kubeProxyMode: 3 } }));
  assert.match(violations[0]!.description, /v1\.20\.2, whose kube-proxy has no mode NFTABLES/);
});

test("a host that is not there, and one that is too small", async () => {
  assert.equal(await reasonOf(validate("dev", { host: "host-z" })), "NO_HOST_FITS");
  const workers = { count: 99, spec: { memoryBytes: 1n << 32n } };
  assert.equal(await reasonOf(validate("dev", { nodeGroups: [{ spec: { role: 1 } }, workers] })), "HOST_TOO_SMALL");
});

test("validate_only answers with the cluster as it would be, and writes nothing", async () => {
  const operation = await validate("dev");
  assert.ok(operation.done && operation.result?.$case === "response");
  const { meta, spec, status, reservation } = Cluster.decode(operation.result.value.value);
  assert.deepEqual([meta?.name, meta?.host], ["projects/default/clusters/dev", platform.hostName]);
  assert.deepEqual([spec?.image, spec?.networking?.podSubnet, spec?.nodeGroups.length], [NODE, "10.244.0.0/16", 1]);
  assert.deepEqual([status?.state, reservation?.endpointName], [ClusterState.CLUSTER_STATE_CREATING, "dev-api"]);
  assert.equal(await reasonOf(call(client, "getCluster", { name: meta!.name }, token())), "NOT_FOUND");
});

test("roles: viewers read, editors change, others are told nothing", async () => {
  const viewer = { token: await platform.mint({ subject: "v", roles: { default: "viewer" } }) };
  const stranger = { token: await platform.mint({ subject: "s", roles: { other: "admin" } }) };
  const name = "projects/default/clusters/none-such";
  assert.equal(await reasonOf(call(client, "getCluster", { name }, viewer)), "NOT_FOUND");
  for (const [settings, method] of [
    [viewer, "getKubeconfig"],
    [stranger, "getCluster"],
  ] as const) {
    assert.equal(await reasonOf(call(client, method, { name, internal: false }, settings)), "PERMISSION_DENIED");
  }
  const verb = { name, etag: "", requestId: "" };
  assert.equal(await reasonOf(call(client, "stopCluster", verb, viewer)), "PERMISSION_DENIED");
  assert.deepEqual((await call(client, "listClusters", { ...LIST, parent: "projects/-" }, stranger)).clusters, []);
});

test("without compute nobody knows the projects: creation says so, reads go on; a project is not deleted without cluster", async () => {
  const project = Project.fromPartial({ meta: {} });
  await call(compute, "createProject", { projectId: "team", project, requestId: "" }, token());
  await platform.shutDown("compute");
  const { reason, message } = await failure(create("dev"));
  assert.equal(reason, "COMPUTE_UNAVAILABLE");
  assert.match(message, /compute service at 127\.0\.0\.1:\d+, which knows the projects, does not answer/);
  assert.deepEqual((await call(client, "listClusters", { ...LIST, parent: "projects/-" }, token())).clusters, []);
  await platform.start("compute");

  await platform.shutDown("cluster");
  const remove = () => call(compute, "deleteProject", { name: "projects/team", etag: "" }, token());
  assert.equal(await reasonOf(remove()), "CLUSTER_UNAVAILABLE");
  const kept = await call(compute, "getProject", { name: "projects/team" }, token());
  assert.equal(kept.meta?.deleteTime, undefined);
  await platform.start("cluster");
  await remove();
});

test("a name is taken once, a request is done once, one operation at a time, and etags are looked at", async () => {
  const requestId = randomUUID();
  const name = "projects/default/clusters/dev";
  const operation = await create("dev", {}, { requestId });
  assert.equal((await create("dev", {}, { requestId })).name, operation.name);
  assert.equal(await reasonOf(create("dev")), "ALREADY_EXISTS");
  assert.equal(
    await reasonOf(call(client, "stopCluster", { name, etag: "old", requestId: "" }, token())),
    "ETAG_MISMATCH",
  );
});
