import assert from "node:assert/strict";
import { test } from "node:test";
import { networkNameOf } from "../../../../deploy/local/realm/network-name.ts";
import { createNetwork, removeNetwork } from "../../../../services/common/engine/api/networks.ts";
import { Engine } from "../../../../services/common/engine/engine.ts";
import { LABEL_REALM } from "../../../../services/common/engine/labels.ts";
import { startEngine } from "../../../support/engine.ts";

const [OWN, OTHER] = ["0123456789ab", "ba9876543210"];

test("a realm takes the usual name, one of its own where another realm has it, and keeps that", async () => {
  await using own = await startEngine({ images: [] });
  const engine = new Engine({ socketPath: own.socketPath });
  const nameOf = (realm: string) => networkNameOf(realm, own.socketPath);
  const make = (Name: string, realm: string) => createNetwork(engine, { Name, Labels: { [LABEL_REALM]: realm } });
  try {
    assert.equal(await nameOf(OWN), "gantry");
    await make("gantry", OTHER);
    assert.deepEqual(await Promise.all([nameOf(OTHER), nameOf(OWN)]), ["gantry", `gantry-${OWN}`]);
    await make(`gantry-${OWN}`, OWN);
    await removeNetwork(engine, "gantry");
    assert.equal(await nameOf(OWN), `gantry-${OWN}`);
    // One that was made before networks told their realm.
    await createNetwork(engine, { Name: "gantry" });
    assert.equal(await nameOf(OTHER), "gantry");
  } finally {
    engine.close();
  }
});
