import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterState } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeState } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import type { ApiState } from "../../../../services/cluster/kubernetes/observations/cluster-observations.ts";
import { observedClusterStatus, settledClusterStatus } from "../../../../services/cluster/observe/cluster-status.ts";
import { cluster, node, NOW, REACHABLE, UNREACHABLE } from "./support.ts";

const { NODE_STATE_READY: READY, NODE_STATE_NOT_READY: NOT_READY, NODE_STATE_STARTING: STARTING } = NodeState;
const { NODE_STATE_STOPPED: STOPPED, NODE_STATE_PAUSED: PAUSED, NODE_STATE_LOST: LOST } = NodeState;

interface Row {
  what: string;
  nodes: NodeState[];
  api?: ApiState;
  before?: ClusterState;
  state: ClusterState;
  ready?: number;
}

const TABLE: Row[] = [
  { what: "all Ready", nodes: [READY, READY, READY], state: ClusterState.CLUSTER_STATE_RUNNING, ready: 3 },
  { what: "one not Ready", nodes: [READY, NOT_READY, READY], state: ClusterState.CLUSTER_STATE_DEGRADED, ready: 2 },
  {
    what: "all Ready, the API does not answer",
    nodes: [READY, READY],
    api: UNREACHABLE,
    state: ClusterState.CLUSTER_STATE_DEGRADED,
    ready: 2,
  },
  { what: "one gone", nodes: [READY, LOST], state: ClusterState.CLUSTER_STATE_DEGRADED, ready: 1 },
  { what: "one stopped", nodes: [READY, STOPPED], state: ClusterState.CLUSTER_STATE_DEGRADED, ready: 1 },
  { what: "on the way up", nodes: [STARTING, STARTING], state: ClusterState.CLUSTER_STATE_DEGRADED },
  { what: "all stopped", nodes: [STOPPED, STOPPED], api: UNREACHABLE, state: ClusterState.CLUSTER_STATE_STOPPED },
  { what: "all paused", nodes: [PAUSED, PAUSED], api: UNREACHABLE, state: ClusterState.CLUSTER_STATE_PAUSED },
  { what: "all gone", nodes: [LOST, LOST], api: UNREACHABLE, state: ClusterState.CLUSTER_STATE_LOST },
  { what: "stopped or gone", nodes: [STOPPED, LOST], api: UNREACHABLE, state: ClusterState.CLUSTER_STATE_STOPPED },
  {
    what: "a creation that failed and is kept",
    nodes: [STARTING],
    before: ClusterState.CLUSTER_STATE_FAILED,
    state: ClusterState.CLUSTER_STATE_FAILED,
  },
];

for (const { what, nodes, api = REACHABLE, before, state, ready = 0 } of TABLE) {
  test(what, () => {
    const record = cluster(before === undefined ? {} : { status: { state: before } });
    const seen = nodes.map((each, i) => node(i + 1, each));
    const status = observedClusterStatus(record, seen, api, NOW);
    assert.deepEqual(
      [status.state, status.nodeCount, status.readyNodeCount, status.controlPlaneCount],
      [state, nodes.length, ready, 1],
    );
    const later = new Date(NOW.getTime() + 1_000);
    assert.deepEqual(observedClusterStatus({ ...record, status }, seen, api, later), status);
  });
}

test("what a running operation stands for stays until it ends", () => {
  const { CLUSTER_STATE_STARTING, CLUSTER_STATE_DEGRADED } = ClusterState;
  const meta = { name: "projects/default/clusters/dev", uid: "u", operation: "operations/o" };
  const record = cluster({ meta, status: { state: CLUSTER_STATE_STARTING } });
  const nodes = [node(1, STARTING)];
  assert.equal(observedClusterStatus(record, nodes, REACHABLE, NOW).state, CLUSTER_STATE_STARTING);
  assert.equal(settledClusterStatus(record, nodes, REACHABLE, NOW).state, CLUSTER_STATE_DEGRADED);
});

test("a node that is being removed counts no more", () => {
  const leaving = node(2, READY);
  leaving.meta!.deleteTime = NOW;
  const status = observedClusterStatus(cluster(), [node(1, READY), leaving], REACHABLE, NOW);
  assert.deepEqual([status.nodeCount, status.state], [1, ClusterState.CLUSTER_STATE_RUNNING]);
});

test("conditions name what is wrong; the API's version stays when it does not answer", () => {
  const nodes = [node(1, READY), node(2, NOT_READY), node(3, STOPPED)];
  const status = observedClusterStatus(cluster(), nodes, UNREACHABLE, NOW);
  assert.equal(status.kubernetesVersion, "v1.31.0");
  assert.deepEqual(
    status.conditions.map(({ type, reason, message }) => [type, reason, message]),
    [
      ["ApiReachable", "DoesNotAnswer", "connection refused"],
      ["ContainersRunning", "SomeDoNotRun", "dev-worker2"],
      ["NodesReady", "SomeAreNotReady", "dev-worker, dev-worker2"],
    ],
  );
});

test("endpoints: published with one control plane, an address of its own with several", () => {
  const one = observedClusterStatus(cluster(), [node(1, READY)], REACHABLE, NOW);
  assert.deepEqual([one.endpoint, one.internalEndpoint], ["https://127.0.0.1:40123", "https://dev-api:6443"]);
  assert.equal(one.network, "gantry-dev");
  const second = node(2, READY);
  second.spec!.role = node(1, READY).spec!.role;
  const reservation = { apiIpv4: "10.208.0.9", endpointName: "dev-api" };
  const several = observedClusterStatus(cluster({ reservation }), [node(1, READY), second], REACHABLE, NOW);
  // Its name is known to the nodes alone.
  assert.deepEqual(
    [several.endpoint, several.internalEndpoint],
    ["https://10.208.0.9:6443", "https://10.208.0.9:6443"],
  );
});
