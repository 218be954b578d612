import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeState } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import {
  CONDITION_READY,
  type NodeSight,
  observedNodeStatus,
} from "../../../../services/cluster/observe/node-status.ts";
import { container, node, NOW, REACHABLE, STARTED, UNREACHABLE, view } from "./support.ts";

const {
  NODE_STATE_CREATING: CREATING,
  NODE_STATE_STARTING: STARTING,
  NODE_STATE_READY: READY,
  NODE_STATE_NOT_READY: NOT_READY,
  NODE_STATE_STOPPED: STOPPED,
  NODE_STATE_PAUSED: PAUSED,
  NODE_STATE_FAILED: FAILED,
  NODE_STATE_LOST: LOST,
} = NodeState;

const BEFORE_START = new Date(STARTED.getTime() - 10_000);
/** In the second in which the container started. */
const AT_START = new Date("2026-01-01T11:00:00Z");

interface Row {
  what: string;
  before: NodeState;
  /** Empty: never had one. */
  containerId?: string;
  sight: Partial<NodeSight>;
  state: NodeState;
  /** Reason of the condition Ready. */
  ready: string;
}

const TABLE: Row[] = [
  {
    what: "not made yet",
    before: CREATING,
    containerId: "",
    sight: { busy: true },
    state: CREATING,
    ready: "ContainerNotRunning",
  },
  { what: "never made", before: FAILED, containerId: "", sight: {}, state: FAILED, ready: "ContainerNotRunning" },
  { what: "made anew by a job", before: READY, sight: { busy: true }, state: READY, ready: "ContainerNotRunning" },
  { what: "taken away", before: READY, sight: {}, state: LOST, ready: "ContainerNotRunning" },
  {
    what: "made, not started",
    before: CREATING,
    sight: { container: container("created") },
    state: STOPPED,
    ready: "ContainerNotRunning",
  },
  {
    what: "cannot start",
    before: READY,
    sight: { container: container("exited", { error: "no such device" }) },
    state: FAILED,
    ready: "ContainerNotRunning",
  },
  {
    what: "ended",
    before: READY,
    sight: { container: container("exited", { exitCode: 137 }) },
    state: STOPPED,
    ready: "ContainerNotRunning",
  },
  {
    what: "half removed",
    before: READY,
    sight: { container: container("dead") },
    state: FAILED,
    ready: "ContainerNotRunning",
  },
  {
    what: "paused",
    before: READY,
    sight: { container: container("paused"), view: view(true) },
    state: PAUSED,
    ready: "ContainerNotRunning",
  },
  {
    what: "started again by the engine",
    before: READY,
    sight: { container: container("restarting") },
    state: NOT_READY,
    ready: "ContainerNotRunning",
  },
  {
    what: "runs, Kubernetes does not know it",
    before: CREATING,
    sight: { container: container("running") },
    state: STARTING,
    ready: "NotRegistered",
  },
  {
    what: "runs, its kubelet has said nothing yet",
    before: STARTING,
    sight: { container: container("running"), view: { ...view(false), heartbeat: undefined } },
    state: STARTING,
    ready: "KubeletSilent",
  },
  {
    what: "runs, not Ready yet",
    before: STARTING,
    sight: { container: container("running"), view: view(false) },
    state: STARTING,
    ready: "KubeletNotReady",
  },
  {
    what: "Ready",
    before: STARTING,
    sight: { container: container("running"), view: view(true) },
    state: READY,
    ready: "KubeletReady",
  },
  {
    what: "Ready within the second of its start",
    before: STARTING,
    sight: { container: container("running"), view: view(true, AT_START) },
    state: READY,
    ready: "KubeletReady",
  },
  {
    what: "Ready no more",
    before: READY,
    sight: { container: container("running"), view: view(false) },
    state: NOT_READY,
    ready: "KubeletNotReady",
  },
  {
    what: "Ready again",
    before: NOT_READY,
    sight: { container: container("running"), view: view(true) },
    state: READY,
    ready: "KubeletReady",
  },
  {
    what: "started again: what Kubernetes still says is of its last life",
    before: STOPPED,
    sight: { container: container("running"), view: view(true, BEFORE_START) },
    state: STARTING,
    ready: "KubeletSilent",
  },
  {
    what: "killed and started at once",
    before: READY,
    sight: { container: container("running"), view: view(true, BEFORE_START) },
    state: NOT_READY,
    ready: "KubeletSilent",
  },
  {
    what: "the API does not answer",
    before: READY,
    sight: { container: container("running"), view: view(true), api: UNREACHABLE },
    state: NOT_READY,
    ready: "ApiUnreachable",
  },
  {
    what: "the API does not answer yet",
    before: STARTING,
    sight: { container: container("running"), api: UNREACHABLE },
    state: STARTING,
    ready: "ApiUnreachable",
  },
  {
    what: "another container than the one that was Ready",
    before: READY,
    containerId: "old",
    sight: { container: container("running"), view: view(false) },
    state: STARTING,
    ready: "KubeletNotReady",
  },
];

const NOTHING_SEEN: NodeSight = { container: undefined, ports: [], view: undefined, api: REACHABLE, busy: false };

for (const { what, before, containerId, sight, state, ready } of TABLE) {
  test(`${what}: ${ready}`, () => {
    const seen: NodeSight = { ...NOTHING_SEEN, ...sight };
    const record = node(2, before, containerId);
    const status = observedNodeStatus(record, seen, NOW);
    assert.equal(status.state, state);
    assert.equal(status.conditions.find(({ type }) => type === CONDITION_READY)?.reason, ready);
    // Looking twice changes nothing.
    assert.deepEqual(observedNodeStatus({ ...record, status }, seen, new Date(NOW.getTime() + 1_000)), status);
  });
}

test("facts come from the container and the kubelet; of one that is gone its versions stay", () => {
  const ports = [{ hostIp: "127.0.0.1", hostPort: 8080, port: 80, protocol: "tcp" }];
  const kernel = [{ hostIp: "0.0.0.0", hostPort: 9090, port: 90, protocol: "udp" }];
  const seen: NodeSight = {
    ...NOTHING_SEEN,
    container: container("running", { ports }),
    ports: kernel,
    view: view(true),
  };
  const record = node(2, NodeState.NODE_STATE_STARTING, "");
  const status = observedNodeStatus(record, seen, NOW);
  assert.deepEqual(
    [status.containerId, status.imageId, status.ipv4, status.kubeletVersion],
    ["c1", "sha256:1", "10.208.0.3", "v1.31.0"],
  );
  assert.deepEqual(status.ports, [...ports, ...kernel]);
  const gone = observedNodeStatus({ ...record, status }, { ...seen, container: undefined, view: undefined }, NOW);
  assert.deepEqual([gone.containerId, gone.ipv4, gone.ports, gone.kubeletVersion], ["c1", "", [], "v1.31.0"]);
});
