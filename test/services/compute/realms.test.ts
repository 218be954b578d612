import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Instance, InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import {
  createContainer,
  findContainer,
  inspectContainer,
  startContainer,
} from "../../../services/common/engine/api/containers.ts";
import { connectNetwork, disconnectNetwork, findNetwork } from "../../../services/common/engine/api/networks.ts";
import {
  KIND_INSTANCE,
  LABEL_KIND,
  LABEL_NAME,
  LABEL_REALM,
  LABEL_UID,
} from "../../../services/common/engine/labels.ts";
import { BUSYBOX, failure, SLEEP, TestCompute } from "./support/compute.ts";

/** Two realms on one engine. */
let first: TestCompute;
let second: TestCompute;
before(async () => {
  [first, second] = await Promise.all([TestCompute.start(), TestCompute.start()]);
});
after(() => Promise.all([first?.[Symbol.asyncDispose](), second?.[Symbol.asyncDispose]()]));

/** In the second realm, under the names of the first. */
function createAsFirst(id: string) {
  const spec = InstanceSpec.fromPartial({ image: BUSYBOX, command: SLEEP });
  const instance = Instance.fromPartial({ meta: {}, spec });
  const rest = { requestId: "", validateOnly: false, retain: false };
  return second.ask("createInstance", { parent: first.project, instanceId: id, instance, ...rest });
}

test("everything that is made says of which realm it is", async () => {
  await Promise.all([first.capabilitiesKnown(), second.created("own")]);
  await first.created("web", { image: "", command: [] });
  const labelsOf = async (compute: TestCompute, id: string) =>
    (await inspectContainer(compute.engine, compute.containerName(id))).Config.Labels;
  const [ours, theirs] = await Promise.all([labelsOf(first, "web"), labelsOf(second, "own")]);
  assert.match(ours[LABEL_REALM]!, /^[0-9a-f]{12}$/);
  assert.match(theirs[LABEL_REALM]!, /^[0-9a-f]{12}$/);
  assert.notEqual(ours[LABEL_REALM], theirs[LABEL_REALM]);
  const network = await findNetwork(first.engine, first.network);
  assert.equal(network?.Labels?.[LABEL_REALM], ours[LABEL_REALM]);
  const volume = await first.engine.call<{ Labels: Record<string, string> }>(
    "GET",
    `/volumes/gantry-${ours[LABEL_UID]}-docker`,
  );
  assert.equal(volume.Labels[LABEL_REALM], ours[LABEL_REALM]);
});

test("another realm's container is not taken on, not even in one's own network; one made before realms were told apart is", async () => {
  await first.created("shared");
  const name = first.containerName("shared");
  const { Id: id } = await inspectContainer(first.engine, name);
  await connectNetwork(first.engine, second.network, { Container: id });
  try {
    const labels = { [LABEL_NAME]: second.name("old"), [LABEL_UID]: `old-${second.id}`, [LABEL_KIND]: KIND_INSTANCE };
    const old = await createContainer(second.engine, second.containerName("old"), {
      Image: BUSYBOX,
      Cmd: SLEEP,
      Labels: labels,
      HostConfig: { NetworkMode: second.network },
    });
    await startContainer(second.engine, old.Id);
    const adopted = await second.until("it is adopted", () => second.get("old").catch(() => undefined), 60_000);
    assert.equal(adopted.status?.containerId, old.Id);
    // Strays are looked at together, those that were there first before the others.
    assert.equal((await failure(second.ask("getInstance", { name: first.name("shared") }))).reason, "NOT_FOUND");
    assert.equal((await inspectContainer(first.engine, name)).Id, id);
  } finally {
    await disconnectNetwork(first.engine, second.network, { Container: id, Force: true });
  }
});

test("a container's name that another realm holds is refused, and its container stays as it is", async () => {
  await first.created("held");
  const { Id: id, State: state } = await inspectContainer(first.engine, first.containerName("held"));
  await second.ask("createProject", { projectId: `p${first.id}`, project: undefined, requestId: "" });
  const refused = await failure(second.wait(await createAsFirst("held")));
  assert.equal(refused.reason, "CONTAINER_NAME_IN_USE");
  assert.match(refused.message, /another realm/);
  const after = await inspectContainer(first.engine, first.containerName("held"));
  assert.deepEqual([after.Id, after.State.StartedAt], [id, state.StartedAt]);
  assert.equal((await failure(second.ask("getInstance", { name: first.name("held") }))).reason, "NOT_FOUND");
  await first.delete("held");
  await second.instanceOf(await createAsFirst("held"));
  await second.wait(await second.ask("deleteInstance", { name: first.name("held"), etag: "", requestId: "" }));
  assert.equal(await findContainer(second.engine, first.containerName("held")), undefined);
});

test("a network that another realm made is refused, and with it everything that would be in it", async () => {
  await using third = await TestCompute.start({ env: { GANTRY_NETWORK: first.network } });
  const refused = await failure(third.wait(await third.create("web")));
  assert.equal(refused.reason, "NETWORK_NAME_IN_USE");
  assert.match(refused.message, /another realm .*GANTRY_NETWORK/);
  // One of before, in a network that is known to be another's, is the other's.
  const labels = { [LABEL_NAME]: first.name("older"), [LABEL_UID]: `older-${first.id}`, [LABEL_KIND]: KIND_INSTANCE };
  const older = await createContainer(first.engine, first.containerName("older"), {
    Image: BUSYBOX,
    Cmd: SLEEP,
    Labels: labels,
    HostConfig: { NetworkMode: first.network },
  });
  await startContainer(first.engine, older.Id);
  await first.until("its own realm takes it on", () => first.get("older").catch(() => undefined), 60_000);
  assert.equal((await failure(third.ask("getInstance", { name: first.name("older") }))).reason, "NOT_FOUND");
  await first.delete("older");
});
