import assert from "node:assert/strict";
import { test } from "node:test";
import { initialCluster, joiningCluster } from "../../../../services/cluster/etcd/initial-cluster.ts";
import { membersOf, parseMembers } from "../../../../services/cluster/etcd/members.ts";
import { NodeState } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { node } from "../observe/support.ts";

const [first, second, third] = [1, 2, 3].map((n) => node(n, NodeState.NODE_STATE_READY));
const ANSWER = JSON.stringify({
  header: { cluster_id: "17237436991929493444" },
  members: [
    { ID: "9372538179322589801", name: "dev-control-plane", peerURLs: ["https://10.208.0.2:2380"], clientURLs: [] },
    { ID: "18249187646912138824", name: "dev-worker", peerURLs: ["https://10.208.0.3:2380"] },
    { ID: "10501334649042878790", peerURLs: ["https://10.208.0.4:2380"] },
  ],
});

test("members that begin together know all of them", () => {
  assert.deepEqual(initialCluster([first!, second!]), {
    "initial-cluster": "dev-control-plane=https://10.208.0.2:2380,dev-worker=https://10.208.0.3:2380",
    "initial-cluster-state": "new",
  });
});

test("identities of 64 bits are kept; a member that has never started has no name", () => {
  const members = parseMembers(ANSWER);
  assert.equal(members[1]!.id, "18249187646912138824");
  assert.deepEqual(members[2], { id: "10501334649042878790", name: "", peerUrls: ["https://10.208.0.4:2380"] });
});

test("a member that joins is known to itself by name, though the others know none yet", () => {
  assert.deepEqual(joiningCluster(third!, parseMembers(ANSWER)), {
    "initial-cluster":
      "dev-control-plane=https://10.208.0.2:2380,dev-worker=https://10.208.0.3:2380,dev-worker2=https://10.208.0.4:2380",
    "initial-cluster-state": "existing",
  });
});

test("a node's members are found by name and by address", () => {
  const members = parseMembers(ANSWER);
  const find = (name: string, peerUrl: string) => membersOf(members, { name, peerUrl }).map(({ id }) => id);
  assert.deepEqual(find("dev-worker", "https://10.208.0.9:2380"), ["18249187646912138824"]);
  assert.deepEqual(find("dev-worker2", "https://10.208.0.4:2380"), ["10501334649042878790"]);
  assert.deepEqual(find("dev-worker2", "https://10.208.0.9:2380"), []);
});

test("an answer without members is no answer", () => {
  assert.throws(() => parseMembers("{}"), { reason: "ETCD_UNAVAILABLE" });
});
