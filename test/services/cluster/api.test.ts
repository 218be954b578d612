import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { listContainers } from "../../../services/common/engine/api/containers.ts";
import { Engine } from "../../../services/common/engine/engine.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { BUSYBOX } from "../../images/images.ts";
import { ClusterApi, failure, LIST, reasonOf } from "./support/api.ts";

let api: ClusterApi;
before(async () => {
  api = await ClusterApi.start();
});
after(() => api?.platform.stop());

test("what is not there is NOT_FOUND, by its name", async () => {
  const name = "projects/default/clusters/none-such";
  const gone = async (work: Promise<unknown>, what: string) => {
    const { reason, metadata } = await failure(work);
    assert.deepEqual([reason, metadata["name"]], ["NOT_FOUND", what]);
  };
  const node = `${name}/nodes/none-such-worker`;
  const verb = { name, etag: "", requestId: "" };
  await gone(call(api.client, "getCluster", { name }, api.admin), name);
  await gone(call(api.client, "getNode", { name: node }, api.admin), node);
  await gone(call(api.client, "listNodes", { ...LIST, parent: name }, api.admin), name);
  await gone(
    call(api.client, "listClusters", { ...LIST, parent: "projects/none-such" }, api.admin),
    "projects/none-such",
  );
  await gone(call(api.client, "startCluster", verb, api.admin), name);
  await gone(call(api.client, "deleteCluster", verb, api.admin), name);
  await gone(call(api.client, "getKubeconfig", { name, internal: false }, api.admin), name);
  await gone(api.create("dev", {}, { parent: "projects/none-such" }), "projects/none-such");
});

test("lists of a project that has nothing are empty", async () => {
  const { clusters, logId } = await call(
    api.client,
    "listClusters",
    { ...LIST, parent: "projects/default" },
    api.admin,
  );
  assert.deepEqual(clusters, []);
  assert.notEqual(logId, "");
  for (const parent of ["projects/default/clusters/-", "projects/-/clusters/-"]) {
    assert.deepEqual((await call(api.client, "listNodes", { ...LIST, parent }, api.admin)).nodes, []);
  }
  const { snapshots } = await call(api.client, "listClusterSnapshots", { ...LIST, parent: "projects/-" }, api.admin);
  assert.deepEqual(snapshots, []);
});

test("everything that is wrong with a request is told at once", async () => {
  const { violations } = await failure(
    api.create(
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
  const { reason, violations } = await failure(api.validate("dev", { image: BUSYBOX }));
  assert.deepEqual([reason, violations.map(({ field }) => field)], ["INVALID_ARGUMENT", ["cluster.spec.image"]]);
  for (const part of ["/kind/version", "/usr/local/bin/entrypoint", "kubeadm", "kubelet", "containerd"]) {
    assert.match(violations[0]!.description, new RegExp(`no ${part}(,|$)`));
  }
  const engine = new Engine({ socketPath: api.platform.engine.socketPath });
  assert.deepEqual(await listContainers(engine), []);
  engine.close();
});

test("an image that can't be had is refused with what helps", async () => {
  const { reason, message } = await failure(api.validate("dev", { image: "registry.invalid/kindest/node:v9" }));
  assert.equal(reason, "NODE_IMAGE_UNAVAILABLE");
  assert.match(message, /npm run node-image/);
});

test("a host that is not there", async () => {
  assert.equal(await reasonOf(api.validate("dev", { host: "host-z" })), "NO_HOST_FITS");
});

test("roles: viewers read, editors change, others are told nothing", async () => {
  const viewer = { token: await api.platform.mint({ subject: "v", roles: { default: "viewer" } }) };
  const stranger = { token: await api.platform.mint({ subject: "s", roles: { other: "admin" } }) };
  const name = "projects/default/clusters/none-such";
  assert.equal(await reasonOf(call(api.client, "getCluster", { name }, viewer)), "NOT_FOUND");
  for (const [settings, method] of [
    [viewer, "getKubeconfig"],
    [stranger, "getCluster"],
  ] as const) {
    assert.equal(await reasonOf(call(api.client, method, { name, internal: false }, settings)), "PERMISSION_DENIED");
  }
  const verb = { name, etag: "", requestId: "" };
  assert.equal(await reasonOf(call(api.client, "stopCluster", verb, viewer)), "PERMISSION_DENIED");
  assert.deepEqual((await call(api.client, "listClusters", { ...LIST, parent: "projects/-" }, stranger)).clusters, []);
});

test("without compute nobody knows the projects: creation says so, reads go on; a project is not deleted without cluster", async () => {
  const project = Project.fromPartial({ meta: {} });
  await call(api.compute, "createProject", { projectId: "team", project, requestId: "" }, api.admin);
  await api.platform.shutDown("compute");
  const { reason, message } = await failure(api.create("dev"));
  assert.equal(reason, "COMPUTE_UNAVAILABLE");
  assert.match(message, /compute service at 127\.0\.0\.1:\d+, which knows the projects, does not answer/);
  assert.deepEqual((await call(api.client, "listClusters", { ...LIST, parent: "projects/-" }, api.admin)).clusters, []);
  await api.platform.start("compute");

  await api.platform.shutDown("cluster");
  const remove = () => call(api.compute, "deleteProject", { name: "projects/team", etag: "" }, api.admin);
  assert.equal(await reasonOf(remove()), "CLUSTER_UNAVAILABLE");
  const kept = await call(api.compute, "getProject", { name: "projects/team" }, api.admin);
  assert.equal(kept.meta?.deleteTime, undefined);
  await api.platform.start("cluster");
  await remove();
});
