import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import type { V1Pod } from "@kubernetes/client-node";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import {
  inspectContainer,
  killContainer,
  listContainers,
  pauseContainer,
  startContainer,
} from "../../../services/common/engine/api/containers.ts";
import { listNetworks } from "../../../services/common/engine/api/networks.ts";
import { Kind } from "../../bench/cluster/kind.ts";
import { MirrorWatch } from "../../chaos/support/mirror-watch.ts";
import { answered } from "../../chaos/support/settle.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";
import { askPod, runPod, webPod } from "./support/pods.ts";

const NODES = ["dev-control-plane", "dev-worker"];
const ORIGIN = "kubernetes/dev";
const BACK_MS = 120_000;
const POD_TIMEOUT_MS = 60_000;
const COMMAND_TIMEOUT_MS = 30_000;
/** For what must not happen: longer than the reconciler waits before it acts. */
const QUIET_MS = 3_000;

let clusters: TestClusters;
let mirror: MirrorWatch;
before(async () => {
  clusters = await TestClusters.start();
});
after(() => clusters?.[Symbol.asyncDispose]());

const isWhole = async (): Promise<boolean> => {
  const { meta, status } = await answered(() => clusters.get("dev"));
  if (meta!.operation !== "" || status!.state !== ClusterState.CLUSTER_STATE_RUNNING) return false;
  const nodes = await clusters.nodes("dev");
  return nodes.length === NODES.length && nodes.every((node) => node.status!.state === NodeState.NODE_STATE_READY);
};

/** By the containers' names: which they are, and since when they run. */
async function lives(): Promise<Record<string, string>> {
  const found = await Promise.all(NODES.map((name) => inspectContainer(clusters.engine, name)));
  return Object.fromEntries(found.map(({ Name, Id, State }) => [Name, `${Id} ${State.StartedAt}`]));
}

function inControlPlane(...command: string[]): Promise<string> {
  const signal = AbortSignal.timeout(COMMAND_TIMEOUT_MS);
  return runInNode({ engine: clusters.engine, container: NODES[0]!, command, signal });
}

/** A pod that was there before answers, and so does one that is made now. */
async function isOfUse(round: string): Promise<void> {
  const api = await clusters.api("dev");
  const path = "/api/v1/namespaces/default/pods";
  await clusters.until(
    "the pod of before answers",
    async () => {
      const { status } = await api.get<V1Pod>(`${path}/first`);
      return (
        status?.containerStatuses?.[0]?.ready === true &&
        (await askPod(clusters.engine, NODES[0]!, status.podIP!, POD_TIMEOUT_MS)) !== ""
      );
    },
    BACK_MS,
  );
  const { ip } = await runPod(api, webPod(round, NODES[1]), POD_TIMEOUT_MS);
  await askPod(clusters.engine, NODES[0]!, ip, POD_TIMEOUT_MS);
}

/** What the mirror shows is what the API has, by name: nothing is twice, nothing is lost. */
async function showsWhatThereIs(): Promise<void> {
  const api = await clusters.api("dev");
  await clusters.until(
    "the mirror shows what there is",
    async () => {
      const there: string[] = [];
      for await (const { items } of api.pages<V1Pod>("/api/v1/pods")) {
        for (const { metadata } of items) there.push(`${ORIGIN}/Pod/${metadata!.namespace}/${metadata!.name}`);
      }
      const shown = [...mirror.client.replica.items()]
        .map(({ k }) => k)
        .filter((key) => key.startsWith(`${ORIGIN}/Pod/`));
      return mirror.settled && JSON.stringify(shown.toSorted()) === JSON.stringify(there.toSorted());
    },
    BACK_MS,
  );
  assert.deepEqual(mirror.violations, []);
}

/** What the mirror was told of the cluster's API since it was told to forget. */
function toldOfApi(): string[] {
  return mirror.origins.filter((told) => told.startsWith(`${ORIGIN} `)).map((told) => told.slice(ORIGIN.length + 1));
}

async function staleAndLive(
  fault: () => Promise<unknown>,
  remedy: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  mirror.origins.length = 0;
  await fault();
  await clusters.until("stale", async () => toldOfApi().includes("stale"), BACK_MS);
  await remedy();
  await clusters.until("live again", async () => toldOfApi().at(-1) === "live", BACK_MS);
}

test("of two creations of one name at once one is done, and the other told so", async () => {
  const both = [clusters.create("dev", { workers: 1 }), clusters.create("dev")] as const;
  const [done, refused] = await Promise.allSettled(both).then((all) =>
    all.toSorted((a) => (a.status === "fulfilled" ? -1 : 1)),
  );
  assert.ok(done?.status === "fulfilled" && refused?.status === "rejected", "one of them");
  assert.match((refused.reason as { reason: string }).reason, /^(ALREADY_EXISTS|OPERATION_IN_PROGRESS)$/);
  await clusters.wait(done.value);
  // Whichever it was, the tests below need two nodes.
  if ((await clusters.nodes("dev")).length === 1) {
    await clusters.delete("dev");
    await clusters.created("dev", { workers: 1 });
  }
  mirror = new MirrorWatch("projects/default", clusters.platform.mirror("projects/default"));
  await mirror.client.start();
  await runPod(await clusters.api("dev"), webPod("first", NODES[1]), POD_TIMEOUT_MS);
  await isOfUse("new");
  await showsWhatThereIs();
});

test("a host that is too small is not touched", async () => {
  const nodeGroups = [
    { count: 1, spec: { role: 1 } },
    { count: 99, spec: { role: 2, memoryBytes: 1n << 32n } },
  ];
  const { reason, message } = await failure(clusters.create("big", { spec: { nodeGroups } as never }));
  assert.equal(reason, "HOST_TOO_SMALL");
  assert.match(message, /MiB of memory, and \d+ are free/);
  assert.deepEqual(await clusters.leftOnEngine("big"), []);
  assert.equal((await failure(clusters.get("big"))).reason, "NOT_FOUND");
});

test("the engine is killed and comes back: the nodes live on, and are known again", async () => {
  for (const what of ["dockerd", "both"] as const) {
    const before = await lives();
    await clusters.platform.engine.kill(what);
    // Nobody needs the engine to use the cluster.
    await (await clusters.api("dev")).ready();
    await clusters.platform.engine.start();
    await clusters.until("the cluster is whole", isWhole, BACK_MS);
    assert.deepEqual(await lives(), before, "no node was started again");
    await isOfUse(`after-${what}`);
  }
  await showsWhatThereIs();
});

test("all nodes are killed, one is started by hand before the others", async () => {
  for (const first of [NODES[1]!, NODES[0]!]) {
    await staleAndLive(async () => {
      await Promise.all(NODES.map((name) => killContainer(clusters.engine, name, "KILL")));
      await startContainer(clusters.engine, first);
    });
    await clusters.until("the cluster is whole", isWhole, BACK_MS);
    await isOfUse(`after-${first}`);
  }
  await showsWhatThereIs();
});

test("a node that was paused by hand goes on", async () => {
  const before = await lives();
  await pauseContainer(clusters.engine, NODES[0]!);
  await clusters.until(
    "it runs",
    async () => (await inspectContainer(clusters.engine, NODES[0]!)).State.Status === "running",
  );
  await clusters.until("the cluster is whole", isWhole, BACK_MS);
  assert.deepEqual(await lives(), before);
});

test("an API server that hangs, and one that dies: stale, then live again, and nothing is shown twice or lost", async () => {
  mirror.deleted.length = 0;
  const signal = (name: string) => inControlPlane("pkill", name, "kube-apiserver");
  const isDegraded = async () => (await clusters.get("dev")).status!.state === ClusterState.CLUSTER_STATE_DEGRADED;
  await staleAndLive(
    () => signal("-STOP"),
    async () => {
      await clusters.until("the cluster is degraded", isDegraded);
      await signal("-CONT");
    },
  );
  await showsWhatThereIs();
  await staleAndLive(() => signal("-KILL"));
  await showsWhatThereIs();
  // Events and leases of Kubernetes' own may come and go.
  const lost = mirror.deleted.filter((key) =>
    /\/(Pod|KubernetesNode|Namespace|Service|Deployment|DaemonSet)\//.test(key),
  );
  assert.deepEqual(lost, [], "nothing was shown as gone");
  await clusters.until("the cluster is whole", isWhole, BACK_MS);
  await isOfUse("after-api");
});

test("Redis is emptied: records come back from their files, and the cluster is not touched", async () => {
  const { platform } = clusters;
  for (const together of [false, true]) {
    const [cluster, nodes, before] = await Promise.all([clusters.get("dev"), clusters.nodes("dev"), lives()]);
    if (together) await platform.kill("cluster");
    await platform.redis.kill();
    await platform.redis.wipe();
    await platform.redis.start();
    if (together) await platform.start("cluster");
    const known = (): Promise<boolean> => isWhole().catch(() => false);
    await clusters.until("the cluster is whole", known, BACK_MS);
    const now = await clusters.get("dev");
    assert.deepEqual(
      [now.spec, now.reservation, now.meta!.uid],
      [cluster.spec, cluster.reservation, cluster.meta!.uid],
    );
    const identities = (of: typeof nodes) =>
      of.map(({ meta, spec, reservation }) => [meta!.name, meta!.uid, spec, reservation]);
    assert.deepEqual(identities(await clusters.nodes("dev")), identities(nodes));
    await delay(QUIET_MS);
    assert.equal((await clusters.get("dev")).meta!.generation, cluster.meta!.generation);
    assert.deepEqual(await lives(), before, "no node was started again");
    assert.ok(await isWhole());
  }
  await isOfUse("after-redis");
  await showsWhatThereIs();
});

test("deleted behind our back by kind: the record follows, and the network goes", async () => {
  const kind = await Kind.open(clusters.engine, clusters.platform.engine.dir);
  await kind.delete("dev");
  const isGone = async (): Promise<boolean> => {
    try {
      await clusters.get("dev");
      return false;
    } catch (error) {
      if ((error as { reason?: string }).reason === "NOT_FOUND") return true;
      throw error;
    }
  };
  await clusters.until("the record is gone", isGone, BACK_MS);
  assert.deepEqual(await clusters.leftOnEngine("dev"), []);
  assert.deepEqual(await listContainers(clusters.engine), []);
  const networks = (await listNetworks(clusters.engine)).map(({ Name }) => Name);
  assert.deepEqual(networks.toSorted(), ["bridge", "host", "none"]);
  await clusters.until(
    "the mirror shows nothing of it",
    async () => ![...mirror.client.replica.items()].some(({ k }) => k.startsWith(`${ORIGIN}/`)),
  );
});
