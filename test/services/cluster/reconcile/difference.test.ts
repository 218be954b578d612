import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterState, PowerState } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeRole, NodeState } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { type Correction, difference } from "../../../../services/cluster/reconcile/difference.ts";
import { cluster, node } from "../observe/support.ts";

const { POWER_STATE_RUNNING: RUNNING, POWER_STATE_STOPPED: STOPPED, POWER_STATE_PAUSED: PAUSED } = PowerState;

/** Containers of three nodes in the engine's words; `-`: there is none. */
const TABLE: [
  what: string,
  wanted: PowerState,
  containers: string,
  network: boolean,
  correction: Correction | undefined,
][] = [
  ["as wanted", RUNNING, "running running running", true, undefined],
  ["a node has ended", RUNNING, "running exited running", true, "start"],
  ["all have ended, as after the host's reboot", RUNNING, "exited exited exited", true, "start"],
  ["the engine starts one again", RUNNING, "running restarting running", true, undefined],
  ["one was paused by hand", RUNNING, "running paused running", true, "resume"],
  ["one was taken away with all that was in it", RUNNING, "running - running", true, "replace"],
  ["one was taken away while it was stopped", STOPPED, "exited - exited", true, undefined],
  ["the control plane was taken away, and the keys with it", RUNNING, "- running running", true, undefined],
  ["one was taken away and one has ended", RUNNING, "running - exited", true, "start"],
  ["all were taken away, the network is there", RUNNING, "- - -", true, "delete"],
  ["all were taken away while it was stopped", STOPPED, "- - -", true, "delete"],
  ["nothing is left at all", RUNNING, "- - -", false, undefined],
  ["stopped, as wanted", STOPPED, "exited exited exited", true, undefined],
  ["one was started by hand", STOPPED, "exited running exited", true, "stop"],
  ["the engine would start one for ever", STOPPED, "exited restarting exited", true, "stop"],
  ["paused, as wanted", PAUSED, "paused paused paused", true, undefined],
  ["one was resumed by hand", PAUSED, "paused running paused", true, "pause"],
  ["paused before the host's reboot", PAUSED, "exited exited exited", true, "start"],
];

function sightOf(containers: string, network = true) {
  const states = containers.split(" ").map((state, i): [string, string] => [`u${i + 1}`, state]);
  const running = states.filter(([, state]) => state === "running");
  const addresses = new Map(running.map(([uid]) => [uid, `10.208.0.${Number(uid.slice(1)) + 1}`]));
  return { containers: new Map(states.filter(([, state]) => state !== "-")), addresses, network };
}

const NODES = [1, 2, 3].map((n) => node(n, NodeState.NODE_STATE_READY));

for (const [what, power, containers, network, correction] of TABLE) {
  test(`${what}: ${correction ?? "nothing"}`, () => {
    assert.equal(difference(cluster({ spec: { power } }), NODES, sightOf(containers, network)), correction);
  });
}

test("a job that runs on a cluster has it to itself", () => {
  const busy = cluster({ meta: { name: "projects/default/clusters/dev", operation: "operations/o" } });
  assert.equal(difference(busy, NODES, sightOf("exited exited exited")), undefined);
});

test("a deletion that was broken off goes on", () => {
  const meta = { name: "projects/default/clusters/dev", operation: "", deleteTime: new Date() };
  assert.equal(difference(cluster({ meta }), NODES, sightOf("running running -")), "delete");
});

test("what a failed creation left for inspection is left alone", () => {
  const failed = cluster({ status: { state: ClusterState.CLUSTER_STATE_FAILED } });
  assert.equal(difference(failed, NODES, sightOf("exited - -")), undefined);
});

test("a cluster whose containers were not all made yet was not removed by anyone", () => {
  const nodes = [...NODES.slice(0, 2), node(3, NodeState.NODE_STATE_CREATING, "")];
  assert.equal(difference(cluster(), nodes, sightOf("- - -")), undefined);
});

test("a node that runs at another address than its own, or at none, is put back", () => {
  for (const address of ["10.208.0.130", ""]) {
    const sight = sightOf("running running running");
    assert.equal(difference(cluster(), NODES, { ...sight, addresses: sight.addresses.set("u2", address) }), "start");
  }
});

test("of three control planes two are needed to make the third anew", () => {
  const planes = NODES.map((each) => ({ ...each, spec: { ...each.spec!, role: NodeRole.NODE_ROLE_CONTROL_PLANE } }));
  assert.equal(difference(cluster(), planes, sightOf("- running running")), "replace");
  assert.equal(difference(cluster(), planes, sightOf("- - running")), undefined);
});
