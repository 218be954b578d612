import assert from "node:assert/strict";
import { test } from "node:test";
import { inspectContainer, listContainers } from "../../../services/common/engine/api/containers.ts";
import { findNetwork } from "../../../services/common/engine/api/networks.ts";
import { listVolumes } from "../../../services/common/engine/api/volumes.ts";
import { LABEL_REALM, LABEL_UID } from "../../../services/common/engine/labels.ts";
import { realmIdOf } from "../../../services/common/realm/realm-id.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";

const NODE = "dev-control-plane";
const NETWORK = "gantry-dev";

test("two realms on one engine: what a cluster has says whose it is, and its name is refused to the other", async () => {
  await using first = await TestClusters.start();
  await using second = await TestClusters.start({ engine: first.platform.engine });
  const [realm, other] = [first, second].map(({ platform }) => realmIdOf(platform.ca));
  assert.notEqual(realm, other);
  await first.created("dev");
  const { Id: id, State: state, Config: config } = await inspectContainer(first.engine, NODE);
  const network = await findNetwork(first.engine, NETWORK);
  const uid = config.Labels[LABEL_UID];
  const volume = (await listVolumes(first.engine)).find(({ Labels }) => Labels?.[LABEL_UID] === uid);
  const made = [config.Labels, network?.Labels, volume?.Labels];
  assert.deepEqual(
    made.map((labels) => labels?.[LABEL_REALM]),
    [realm, realm, realm],
  );

  const refused = await failure(second.created("dev"));
  assert.equal(refused.reason, "NAME_TAKEN");
  assert.ok(refused.message.includes(`another realm (${realm})`), refused.message);
  assert.equal((await failure(second.get("dev"))).reason, "NOT_FOUND");
  const after = await inspectContainer(first.engine, NODE);
  assert.deepEqual([after.Id, after.State.StartedAt], [id, state.StartedAt]);
  assert.equal((await findNetwork(first.engine, NETWORK))?.Id, network?.Id);

  await first.delete("dev");
  assert.deepEqual(await listContainers(first.engine), []);
});
