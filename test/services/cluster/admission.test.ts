import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { Cluster, ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Project } from "../../../proto/gen/gantry/compute/v1/project.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { NODE } from "../../images/images.ts";
import { ClusterApi, failure, LIST, reasonOf } from "./support/api.ts";

let api: ClusterApi;
before(async () => {
  api = await ClusterApi.start({ images: [NODE], nodeImage: NODE });
});
after(() => api?.platform.stop());

test("what the node image cannot do is refused", async () => {
  const { violations } = await failure(api.validate("dev", { networking: { kubeProxyMode: 3 } }));
  assert.match(violations[0]!.description, /v1\.20\.2, whose kube-proxy has no mode NFTABLES/);
});

test("a host that is too small", async () => {
  const workers = { count: 99, spec: { memoryBytes: 1n << 32n } };
  assert.equal(await reasonOf(api.validate("dev", { nodeGroups: [{ spec: { role: 1 } }, workers] })), "HOST_TOO_SMALL");
});

test("validate_only answers with the cluster as it would be, and writes nothing", async () => {
  const operation = await api.validate("dev");
  assert.ok(operation.done && operation.result?.$case === "response");
  const { meta, spec, status, reservation } = Cluster.decode(operation.result.value.value);
  assert.deepEqual([meta?.name, meta?.host], ["projects/default/clusters/dev", api.platform.hostName]);
  assert.deepEqual([spec?.image, spec?.networking?.podSubnet, spec?.nodeGroups.length], [NODE, "10.244.0.0/16", 1]);
  assert.deepEqual([status?.state, reservation?.endpointName], [ClusterState.CLUSTER_STATE_CREATING, "dev-api"]);
  assert.equal(await reasonOf(call(api.client, "getCluster", { name: meta!.name }, api.admin)), "NOT_FOUND");
});

test("a name is taken once, a request is done once, one operation runs at a time, etags are looked at, and a project with a cluster is kept", async () => {
  const parent = "projects/team-b";
  await call(
    api.compute,
    "createProject",
    { projectId: "team-b", project: Project.fromPartial({ meta: {} }), requestId: "" },
    api.admin,
  );
  const requestId = randomUUID();
  const name = `${parent}/clusters/dev`;
  const operation = await api.create("dev", {}, { parent, requestId });
  assert.equal((await api.create("dev", {}, { parent, requestId })).name, operation.name);
  assert.equal(await reasonOf(api.create("dev", {}, { parent, validateOnly: true })), "ALREADY_EXISTS");
  // Its creation has just begun, and takes seconds.
  assert.equal(await reasonOf(api.create("dev", {}, { parent })), "OPERATION_IN_PROGRESS");
  const { nodes } = await call(api.client, "listNodes", { ...LIST, parent: name }, api.admin);
  assert.deepEqual(
    nodes.map(({ meta, reservation }) => [meta?.name, reservation?.kubernetesName]),
    [[`${name}/nodes/dev-control-plane`, "team-b.dev-control-plane"]],
  );
  const stop = call(api.client, "stopCluster", { name, etag: "", requestId: "" }, api.admin);
  assert.equal(await reasonOf(stop), "OPERATION_IN_PROGRESS");
  const kept = await failure(call(api.compute, "deleteProject", { name: parent, etag: "" }, api.admin));
  assert.deepEqual([kept.reason, kept.metadata["content"]], ["PROJECT_NOT_EMPTY", name]);

  const cluster = await call(api.client, "getCluster", { name }, api.admin);
  const labels = { tier: "web" };
  const changed = { ...cluster, meta: { ...cluster.meta!, labels, etag: "old" } };
  const update = (etag: string) =>
    call(
      api.client,
      "updateCluster",
      { cluster: { ...changed, meta: { ...changed.meta, etag } }, updateMask: ["meta.labels"], requestId: "" },
      api.admin,
    );
  assert.equal(await reasonOf(update("old")), "ETAG_MISMATCH");
  assert.deepEqual((await update("")).meta?.labels, labels);
});
