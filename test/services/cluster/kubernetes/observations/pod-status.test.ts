import assert from "node:assert/strict";
import { test } from "node:test";
import { podSummary } from "../../../../../services/cluster/kubernetes/observations/pod-status.ts";

interface State {
  waiting?: { reason?: string };
  running?: object;
  terminated?: { exitCode?: number; reason?: string; signal?: number };
}

const RUNS: State = { running: { startedAt: "2026-01-01T00:00:00Z" } };

function container(state: State, more: object = {}, name = "c"): object {
  return { name, state, restartCount: 0, ...more };
}

interface PodShape {
  phase?: string;
  reason?: string;
  deleted?: boolean;
  init?: object[];
  initSpecs?: object[];
  main?: object[];
  conditions?: [type: string, status: string, reason?: string][];
}

function pod(shape: PodShape): object {
  const { phase = "Running", reason, deleted = false, init = [], main = [], conditions = [] } = shape;
  return {
    metadata: { name: "p", ...(deleted && { deletionTimestamp: "2026-01-01T00:00:00Z" }) },
    spec: {
      containers: main.length === 0 ? [{ name: "c" }] : main.map(() => ({ name: "c" })),
      initContainers: shape.initSpecs ?? init.map((_, i) => ({ name: `i${i}` })),
    },
    status: {
      phase,
      ...(reason !== undefined && { reason }),
      initContainerStatuses: init,
      containerStatuses: main,
      conditions: conditions.map(([type, status, why]) => ({ type, status, ...(why && { reason: why }) })),
    },
  };
}

/** What `kubectl get pods` shows: STATUS, READY, RESTARTS. */
const TABLE: [what: string, shape: PodShape, status: string, ready: string, restarts?: number][] = [
  ["nothing known yet", { phase: "Pending" }, "Pending", "0/1"],
  [
    "scheduling held back",
    { phase: "Pending", conditions: [["PodScheduled", "False", "SchedulingGated"]] },
    "SchedulingGated",
    "0/1",
  ],
  [
    "being made",
    { phase: "Pending", main: [container({ waiting: { reason: "ContainerCreating" } })] },
    "ContainerCreating",
    "0/1",
  ],
  ["runs and is ready", { main: [container(RUNS, { ready: true })] }, "Running", "1/1"],
  ["runs and is not ready", { main: [container(RUNS, { ready: false })] }, "Running", "0/1"],
  ["one of two is ready", { main: [container(RUNS, { ready: true }), container(RUNS)] }, "Running", "1/2"],
  [
    "an image that cannot be had",
    { phase: "Pending", main: [container({ waiting: { reason: "ImagePullBackOff" } })] },
    "ImagePullBackOff",
    "0/1",
  ],
  [
    "ends again and again",
    { main: [container({ waiting: { reason: "CrashLoopBackOff" } }, { restartCount: 7 })] },
    "CrashLoopBackOff",
    "0/1",
    7,
  ],
  [
    "one runs, one ends again and again",
    {
      main: [
        container(RUNS, { ready: true, restartCount: 1 }),
        container({ waiting: { reason: "CrashLoopBackOff" } }, { restartCount: 3 }),
      ],
    },
    "CrashLoopBackOff",
    "1/2",
    4,
  ],
  [
    "done",
    { phase: "Succeeded", main: [container({ terminated: { exitCode: 0, reason: "Completed" } })] },
    "Completed",
    "0/1",
  ],
  ["failed", { phase: "Failed", main: [container({ terminated: { exitCode: 1, reason: "Error" } })] }, "Error", "0/1"],
  [
    "killed at its memory limit",
    { main: [container({ terminated: { exitCode: 137, reason: "OOMKilled" } })] },
    "OOMKilled",
    "0/1",
  ],
  [
    "ended by a signal, without a reason",
    { main: [container({ terminated: { exitCode: 137, signal: 9 } })] },
    "Signal:9",
    "0/1",
  ],
  ["ended with a code, without a reason", { main: [container({ terminated: { exitCode: 3 } })] }, "ExitCode:3", "0/1"],
  [
    "one is done, the other runs: ready",
    {
      main: [container({ terminated: { exitCode: 0, reason: "Completed" } }), container(RUNS, { ready: true })],
      conditions: [["Ready", "True"]],
    },
    "Running",
    "1/2",
  ],
  [
    "one is done, the other runs: not ready",
    { main: [container({ terminated: { exitCode: 0, reason: "Completed" } }), container(RUNS, { ready: true })] },
    "NotReady",
    "1/2",
  ],
  ["evicted", { phase: "Failed", reason: "Evicted" }, "Evicted", "0/1"],
  [
    "the first init container runs",
    {
      phase: "Pending",
      init: [container(RUNS), container({ waiting: { reason: "PodInitializing" } })],
      main: [container({ waiting: { reason: "PodInitializing" } })],
    },
    "Init:0/2",
    "0/1",
  ],
  [
    "the second init container runs",
    {
      phase: "Pending",
      init: [container({ terminated: { exitCode: 0 } }), container(RUNS)],
      main: [container({ waiting: { reason: "PodInitializing" } })],
    },
    "Init:1/2",
    "0/1",
  ],
  [
    "an init container ends again and again",
    {
      phase: "Pending",
      init: [container({ waiting: { reason: "CrashLoopBackOff" } }, { restartCount: 2 })],
      main: [container({ waiting: { reason: "PodInitializing" } })],
    },
    "Init:CrashLoopBackOff",
    "0/1",
    2,
  ],
  [
    "an init container failed",
    { phase: "Failed", init: [container({ terminated: { exitCode: 2, reason: "Error" } })] },
    "Init:Error",
    "0/1",
  ],
  [
    "an init container failed without a reason",
    { phase: "Pending", init: [container({ terminated: { exitCode: 2 } })] },
    "Init:ExitCode:2",
    "0/1",
  ],
  [
    "an init container was killed",
    { phase: "Pending", init: [container({ terminated: { exitCode: 137, signal: 9 } })] },
    "Init:Signal:9",
    "0/1",
  ],
  [
    "all init containers are done",
    {
      phase: "Pending",
      init: [container({ terminated: { exitCode: 0 } })],
      main: [container({ waiting: { reason: "PodInitializing" } })],
    },
    "PodInitializing",
    "0/1",
  ],
  [
    "a sidecar that runs counts",
    {
      initSpecs: [{ name: "i0", restartPolicy: "Always" }],
      init: [container(RUNS, { started: true, ready: true, restartCount: 2 }, "i0")],
      main: [container(RUNS, { ready: true })],
    },
    "Running",
    "2/2",
    2,
  ],
  [
    "a sidecar that has not started holds back",
    {
      phase: "Pending",
      initSpecs: [{ name: "i0", restartPolicy: "Always" }],
      init: [container(RUNS, { started: false }, "i0")],
    },
    "Init:0/1",
    "0/2",
  ],
  [
    "initialized: its containers count while an init container is looked at again",
    {
      init: [container({ waiting: { reason: "PodInitializing" } })],
      main: [container(RUNS, { ready: true })],
      conditions: [["Initialized", "True"]],
    },
    "Init:0/1",
    "1/1",
  ],
  ["being deleted", { deleted: true, main: [container(RUNS, { ready: true })] }, "Terminating", "1/1"],
  [
    "being deleted, done already",
    { deleted: true, phase: "Succeeded", main: [container({ terminated: { exitCode: 0, reason: "Completed" } })] },
    "Completed",
    "0/1",
  ],
  ["being deleted on a node that is lost", { deleted: true, reason: "NodeLost" }, "Unknown", "0/1"],
];

for (const [what, shape, status, ready, restarts = 0] of TABLE) {
  test(`${what}: ${status}`, () => {
    const found = podSummary(pod(shape));
    assert.deepEqual([found.status, `${found.ready}/${found.total}`, found.restarts], [status, ready, restarts]);
  });
}

test("what is no pod at all says nothing, and breaks nothing", () => {
  for (const raw of [undefined, null, 7, "pod", [], { status: { containerStatuses: 3, phase: {} }, spec: null }]) {
    assert.deepEqual(podSummary(raw), { status: "", ready: 0, total: 0, restarts: 0 });
  }
});
