import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ClusterServiceClient } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { type Platform, startPlatform } from "../../support/platform.ts";

let platform: Platform;
let client: ClusterServiceClient;
before(async () => {
  platform = await startPlatform({ services: ["compute", "cluster", "gateway"] });
  client = platform.client(ClusterServiceClient);
});
after(() => platform?.stop());

const token = () => ({ token: platform.adminToken });
const reason = (expected: string) => (error: unknown) => error instanceof GantryError && error.reason === expected;

test("what is not there is NOT_FOUND, by its name", async () => {
  const name = "projects/default/clusters/none-such";
  await assert.rejects(call(client, "getCluster", { name }, token()), reason("NOT_FOUND"));
  await assert.rejects(call(client, "getNode", { name: `${name}/nodes/none-such-worker` }, token()), reason("NOT_FOUND"));
  const list = { pageSize: 0, pageToken: "", labelSelector: "" };
  await assert.rejects(call(client, "listNodes", { ...list, parent: name }, token()), reason("NOT_FOUND"));
  await assert.rejects(
    call(client, "listClusters", { ...list, parent: "projects/none-such" }, token()),
    reason("NOT_FOUND"),
  );
});

test("lists of a project that has nothing are empty", async () => {
  const list = { pageSize: 0, pageToken: "", labelSelector: "" };
  const { clusters, logId } = await call(client, "listClusters", { ...list, parent: "projects/default" }, token());
  assert.deepEqual(clusters, []);
  assert.notEqual(logId, "");
  const { nodes } = await call(client, "listNodes", { ...list, parent: "projects/default/clusters/-" }, token());
  assert.deepEqual(nodes, []);
});
