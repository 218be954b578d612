import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { TestClusters } from "./support/clusters.ts";
import { askPod, POD_IMAGE, runPod, webPod } from "./support/pods.ts";

const POD_TIMEOUT_MS = 60_000;
/** An engine kills a node that has not ended after seven seconds. */
const STOP_MAX_MS = 6_500;
/** An API server whose etcd ended before it waits for the whole time that there is. */
const CONTROL_PLANE_STOP_MAX_MS = 5_000;
/** A kubelet tells of such pods again after a minute. */
const SHOWN_MAX_MS = 5_000;
/** For the cluster's observer to put an older sight in the place of the operation's. */
const WATCH_MS = 3_000;

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start();
  await clusters.created("dev", { workers: 1 });
});
after(() => clusters?.[Symbol.asyncDispose]());

test("of a cluster that was just made the pods of the whole control plane are shown, as they are", async () => {
  const mirror = clusters.platform.mirror("projects/default");
  await mirror.start();
  for (const part of ["etcd", "kube-apiserver"]) {
    const name = `kubernetes/dev/Pod/kube-system/${part}-dev-control-plane`;
    const running = () => (mirror.replica.get(name)?.d as { status?: string } | undefined)?.status === "Running";
    await clusters.until(`${part} is shown`, () => Promise.resolve(running()), SHOWN_MAX_MS);
  }
  mirror.close();
});

test("what runs in pods ends in order where it heeds the signal; what cannot hear it keeps no node from its end", async () => {
  const api = await clusters.api("dev");
  const deaf = await runPod(api, webPod("deaf", "dev-worker"), POD_TIMEOUT_MS);
  await askPod(clusters.engine, "dev-worker", deaf.ip, POD_TIMEOUT_MS);
  await runPod(api, heedingPod("heeding", "dev-worker"), POD_TIMEOUT_MS);

  const startMs = performance.now();
  const stopped = await clusters.verb("stop", "dev");
  const tookMs = performance.now() - startMs;
  assert.equal(stopped.status!.state, ClusterState.CLUSTER_STATE_STOPPED);
  assert.ok(tookMs < STOP_MAX_MS, `${Math.round(tookMs)} ms`);
});

test("a control plane ends in order, again and again, without waiting for what cannot answer any more", async () => {
  for (let time = 0; time < 3; time += 1) {
    await clusters.verb("start", "dev");
    const startMs = performance.now();
    await clusters.verb("stop", "dev");
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < CONTROL_PLANE_STOP_MAX_MS, `${Math.round(tookMs)} ms`);
  }
});

test("a start that has ended well is what is seen from then on", async () => {
  const started = await clusters.verb("start", "dev");
  const { state, readyNodeCount } = started.status!;
  assert.deepEqual([state, readyNodeCount], [ClusterState.CLUSTER_STATE_RUNNING, 2]);
  const deadline = performance.now() + WATCH_MS;
  while (performance.now() < deadline) {
    const { status } = await clusters.get("dev");
    assert.deepEqual([status!.state, status!.readyNodeCount], [ClusterState.CLUSTER_STATE_RUNNING, 2]);
    await delay(10);
  }
  const command = ["cat", "/var/log/heeding"];
  const signal = AbortSignal.timeout(POD_TIMEOUT_MS);
  assert.equal(await runInNode({ engine: clusters.engine, container: "dev-worker", command, signal }), "ended\n");
});

/** Takes a second for its end, and then leaves a word on the node. */
function heedingPod(name: string, node: string): V1Pod {
  const pod = webPod(name, node);
  const script = "trap 'sleep 1; echo ended > /log/heeding; exit 0' TERM; while true; do sleep 0.1; done";
  const container = {
    name: "heeding",
    image: POD_IMAGE,
    imagePullPolicy: "IfNotPresent",
    command: ["sh", "-c", script],
    volumeMounts: [{ name: "log", mountPath: "/log" }],
  };
  return {
    ...pod,
    spec: { ...pod.spec, containers: [container], volumes: [{ name: "log", hostPath: { path: "/var/log" } }] },
  };
}
