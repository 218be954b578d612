import assert from "node:assert/strict";
import { test } from "node:test";
import { isPinned } from "../../../../services/cluster/steps/repin-nodes.ts";

const PLACE = { network: "gantry-dev", networkId: "n1", ipv4: "10.208.0.3" };
const PINNED = { IPv4Address: "10.208.0.3" };

const TABLE: [what: string, running: boolean, endpoint: object | undefined, pinned: boolean][] = [
  ["runs where it belongs", true, { IPAMConfig: PINNED, IPAddress: "10.208.0.3", NetworkID: "n1" }, true],
  ["will start where it belongs", false, { IPAMConfig: PINNED, IPAddress: "", NetworkID: "n1" }, true],
  ["was never started", false, { IPAMConfig: PINNED, IPAddress: "", NetworkID: "" }, true],
  ["was put back without its address", true, { IPAMConfig: {}, IPAddress: "10.208.0.128", NetworkID: "n1" }, false],
  [
    "was put back with another one",
    false,
    { IPAMConfig: { IPv4Address: "10.208.0.4" }, IPAddress: "", NetworkID: "n1" },
    false,
  ],
  ["has none stated", false, { IPAMConfig: null, IPAddress: "", NetworkID: "n1" }, false],
  ["is of a network that was made anew", false, { IPAMConfig: PINNED, IPAddress: "", NetworkID: "n0" }, false],
  ["is in no network", true, undefined, false],
];

for (const [what, running, endpoint, pinned] of TABLE) {
  test(`a node that ${what} ${pinned ? "stays" : "is put back"}`, () => {
    const Networks = endpoint === undefined ? {} : { [PLACE.network]: endpoint };
    const raw = { State: { Running: running }, NetworkSettings: { Networks } };
    assert.equal(isPinned(raw as unknown as Parameters<typeof isPinned>[0], PLACE), pinned);
  });
}
