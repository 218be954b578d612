import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { pino } from "pino";
import { KubernetesEvent, Pod, Workload } from "../../../../../proto/gen/gantry/cluster/v1/kubernetes.ts";
import { KubernetesClient } from "../../../../../services/cluster/kubernetes/client.ts";
import { parseAdminConf } from "../../../../../services/cluster/kubernetes/credentials.ts";
import {
  ClusterObservations,
  type ClusterObservationsOptions,
} from "../../../../../services/cluster/kubernetes/observations/cluster-observations.ts";
import { type NodeView, nodeView } from "../../../../../services/cluster/kubernetes/observations/node-view.ts";
import { startApiServer, type TestApiServer } from "../../../../support/api-server.ts";
import { deletePod, labelPod, makeNamespace, makePod, podOf, Told } from "./support.ts";

const READY = { type: "Ready", status: "True" };

let api: TestApiServer;
before(async () => {
  api = await startApiServer();
});
after(() => api.stop());

function observe(
  t: TestContext,
  options: Partial<ClusterObservationsOptions> = {},
): { observed: ClusterObservations; told: Told } {
  const client = new KubernetesClient(api.target, () => Promise.resolve(parseAdminConf(api.adminConf, "admin.conf")));
  const observed = new ClusterObservations({
    cluster: "projects/default/clusters/dev",
    project: "default",
    origin: "kubernetes/dev",
    client,
    log: pino({ level: "silent" }),
    now: () => new Date(),
    ...options,
  });
  const told = new Told(observed.set);
  t.after(async () => {
    await observed.close();
    client.close();
  });
  observed.start();
  return { observed, told };
}

test("what is there is shown, and each change once", async (t) => {
  const { client } = api;
  await makeNamespace(client, "first");
  await makePod(client, "first", "one");
  const { observed, told } = observe(t);
  assert.equal(told.state, "resyncing");
  await told.untilState("live");
  assert.deepEqual(observed.api, { state: "reachable", message: "", version: api.version });
  const pod = Pod.decode(told.bytes("Pod/first/one")!);
  const { phase, status, readyContainers, containers, restarts, node, images } = pod;
  assert.deepEqual([phase, status, readyContainers, containers, restarts], ["Pending", "Pending", 0, 1, 0]);
  assert.deepEqual([node, images], ["", ["busybox:1.35"]]);
  assert.equal(pod.object?.cluster, "projects/default/clusters/dev");
  assert.ok(told.bytes("Namespace/first") && told.bytes("KubernetesService/default/kubernetes"));

  const seen = told.changes.length;
  await makePod(client, "first", "two");
  await labelPod(client, "first", "two", "a");
  await deletePod(client, "first", "two");
  await client.call("POST", "/apis/apps/v1/namespaces/first/deployments", {
    body: {
      metadata: { name: "web" },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: "web" } },
        template: { ...podOf("", { app: "web" }) },
      },
    },
  });
  await told.until("the deployment is shown", () => told.bytes("Deployment/first/web") !== undefined);
  await told.until("the pod is gone", () => told.changes.includes("remove Pod/first/two"));
  // Between the label and the end the API may show that the deletion began.
  assert.deepEqual(
    [...new Set(told.changes.slice(seen).filter((change) => change.includes("Pod/")))],
    ["add Pod/first/two", "change Pod/first/two", "remove Pod/first/two"],
  );
  const web = Workload.decode(told.bytes("Deployment/first/web")!);
  assert.deepEqual([web.desired, web.ready, web.images], [3, 0, ["busybox:1.35"]]);
});

test("what changed while the API was not asked is told as differences alone", async (t) => {
  const { client } = api;
  await makeNamespace(client, "gap");
  for (const name of ["stays", "changes", "goes"]) await makePod(client, "gap", name);
  const { observed, told } = observe(t);
  await told.untilState("live");
  observed.rest("the cluster is stopped");
  await told.untilState("stale");
  assert.equal(told.message, "the cluster is stopped");
  assert.equal(observed.api.state, "unreachable");
  const seen = told.changes.length;
  await labelPod(client, "gap", "changes", "b");
  await deletePod(client, "gap", "goes");
  await makePod(client, "gap", "comes");
  observed.rest("");
  await told.untilState("live");
  assert.deepEqual(told.changes.slice(seen).toSorted(), [
    "add Pod/gap/comes",
    "change Pod/gap/changes",
    "remove Pod/gap/goes",
  ]);
});

test("a sight of the nodes that somebody else had is seen once it was read here, or a later one; and only while the API is asked", async (t) => {
  const { observed, told } = observe(t);
  await told.untilState("live");
  assert.equal(observed.hasSeen(new Map()), true);
  const metadata = { name: "seen" };
  await api.client.call("POST", "/api/v1/nodes", { body: { apiVersion: "v1", kind: "Node", metadata } });
  const heartbeat = (lastHeartbeatTime: string) => ({ status: { conditions: [{ ...READY, lastHeartbeatTime }] } });
  const tell = async (time: string): Promise<Map<string, NodeView>> => {
    const contentType = "application/strategic-merge-patch+json";
    const node = await api.client.call("PATCH", "/api/v1/nodes/seen/status", { body: heartbeat(time), contentType });
    return new Map([["seen", nodeView(node)]]);
  };
  const first = await tell("2026-01-01T12:00:00Z");
  await told.until("the first is seen", () => observed.hasSeen(first));
  const second = await tell("2026-01-01T12:00:01Z");
  await told.until("the second is seen", () => observed.hasSeen(second));
  assert.equal(observed.hasSeen(first), true);
  const third = nodeView({ metadata, ...heartbeat("2026-01-01T12:00:02Z") });
  assert.equal(observed.hasSeen(new Map([["seen", third]])), false);
  assert.equal(observed.hasSeen(new Map([["other", { ...third, name: "other" }]])), false);
  observed.rest("the cluster is stopped");
  await told.untilState("stale");
  assert.equal(observed.hasSeen(new Map()), false);
});

test("an API server that is killed makes the origin stale at once; one that is back makes it live, with nothing told twice", async (t) => {
  const { client } = api;
  await makeNamespace(client, "killed");
  for (let i = 0; i < 20; i++) await makePod(client, "killed", `p${i}`);
  const { observed, told } = observe(t);
  await told.untilState("live");
  const seen = told.changes.length;
  await api.kill();
  await told.until("stale", () => told.state === "stale", 3_000);
  assert.match(told.message, /Kubernetes API does not answer/);
  assert.equal(observed.api.state, "unreachable");
  assert.equal([...told.items.keys()].filter((name) => name.includes("/Pod/killed/")).length, 20);
  await api.start();
  await told.untilState("live");
  await makePod(client, "killed", "after");
  await told.until("a change is told again", () => told.changes.includes("add Pod/killed/after"));
  const others = told.changes.slice(seen).filter((change) => change.includes("Pod/"));
  assert.deepEqual(others, ["add Pod/killed/after"]);
  assert.deepEqual(told.origins.slice(-3), ["stale", "resyncing", "live"]);
});

test("a paused API server, whose connections all stay, is noticed within seconds", async (t) => {
  await makeNamespace(api.client, "paused");
  const { told } = observe(t);
  await told.untilState("live");
  const seen = told.changes.length;
  api.pause();
  try {
    await told.until("stale", () => told.state === "stale", 8_000);
  } finally {
    api.resume();
  }
  await told.untilState("live");
  await makePod(api.client, "paused", "after");
  await told.until("a change is told again", () => told.changes.includes("add Pod/paused/after"));
  assert.deepEqual(
    told.changes.slice(seen).filter((change) => change.includes("Pod/")),
    ["add Pod/paused/after"],
  );
});

test("more objects than a kind may have are not shown, which is said; room that becomes free is filled", async (t) => {
  const { client } = api;
  await makeNamespace(client, "capped");
  const { told } = observe(t, { objectsMax: 30, refillIntervalMs: 100 });
  await told.untilState("live");
  const pods = (): string[] => [...told.items.keys()].filter((name) => name.includes("/Pod/"));
  const before = pods().length;
  for (let i = before; i < 33; i++) await makePod(client, "capped", `p${i}`);
  await told.until(
    "the limit is said",
    () => told.message === "not shown: the rest of more than 30 objects of kind Pod",
  );
  assert.equal(told.state, "live");
  assert.equal(pods().length, 30);
  for (let i = before; i < 33; i++) await deletePod(client, "capped", `p${i}`);
  await told.until("everything is shown again", () => told.message === "" && told.state === "live");
  assert.equal(pods().length, before);
});

test("of events the newest are shown", async (t) => {
  const { client } = api;
  await makeNamespace(client, "events");
  const report = async (i: number): Promise<void> => {
    await client.call("POST", "/api/v1/namespaces/events/events", {
      body: {
        metadata: { name: `e${i}` },
        involvedObject: { kind: "Pod", name: "p", namespace: "events" },
        type: "Warning",
        reason: "Test",
        message: "ä".repeat(2_000),
        source: { component: "test" },
        lastTimestamp: new Date(1_700_000_000_000 + i * 1_000).toISOString().replace(".000", ""),
      },
    });
  };
  // Not in order of time.
  for (const i of [3, 0, 4, 1, 2]) await report(i);
  const { told } = observe(t, { eventsMax: 3 });
  await told.untilState("live");
  const shown = (): string[] =>
    [...told.items.keys()].flatMap((name) => /KubernetesEvent\/events\/(.*)/.exec(name)?.[1] ?? []).toSorted();
  assert.deepEqual(shown(), ["e2", "e3", "e4"]);
  const event = KubernetesEvent.decode(told.bytes("KubernetesEvent/events/e3")!);
  assert.equal(event.message, "ä".repeat(512));
  assert.deepEqual([event.regarding, event.count, event.source], ["Pod/p", 1, "test"]);
  await report(5);
  await told.until("the new one is shown", () => shown().includes("e5"));
  assert.deepEqual(shown(), ["e3", "e4", "e5"]);
});
