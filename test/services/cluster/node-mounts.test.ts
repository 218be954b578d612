import assert from "node:assert/strict";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { V1Pod } from "@kubernetes/client-node";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { MountPropagation, type Node, type NodeMount, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { UpdateNodeRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { KubernetesClient } from "../../../services/cluster/kubernetes/client.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { runCommand } from "../../../deploy/local/process/run-command.ts";
import { type TestFolder, testFolder } from "../../support/cleanup.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";
import { POD_IMAGE, runPod } from "./support/pods.ts";

const ID = "dev";
const CONTAINER = `${ID}-control-plane`;
const TIMEOUT_MS = 60_000;
const PODS = "/api/v1/namespaces/default/pods";
const FIRST = "/data/first";
const SECOND = "/data/with space's";

let clusters: TestClusters;
let api: KubernetesClient;
let folder: TestFolder;
let first: Partial<NodeMount>;
let second: Partial<NodeMount>;
before(async () => {
  folder = await testFolder("mounts");
  for (const name of ["first", "second"]) {
    await mkdir(join(folder.path, name));
    await writeFile(join(folder.path, name, "word"), name);
  }
  first = { hostPath: join(folder.path, "first"), containerPath: FIRST };
  second = { hostPath: join(folder.path, "second"), containerPath: SECOND, readOnly: true };
  clusters = await TestClusters.start();
  const spec = { role: NodeRole.NODE_ROLE_CONTROL_PLANE, mounts: [first] };
  await clusters.created(ID, { spec: { nodeGroups: [{ spec }] } as never });
  api = await clusters.api(ID);
});
after(async () => {
  await clusters?.[Symbol.asyncDispose]();
  await folder?.remove();
});

async function give(...mounts: Partial<NodeMount>[]): Promise<void> {
  const node = { meta: { name: `${clusters.name(ID)}/nodes/${CONTAINER}` }, spec: { mounts } };
  const request = { ...UpdateNodeRequest.fromPartial({ node } as never), updateMask: ["spec.mounts"] };
  await clusters.wait(await call(clusters.client, "updateNode", request, clusters.token));
}

async function theNode(): Promise<Node> {
  return (await clusters.nodes(ID))[0]!;
}

function inNode(...command: string[]): Promise<string> {
  const { signal } = new AbortController();
  return runInNode({ engine: clusters.engine, container: CONTAINER, command, signal });
}

/** A pod that is ready only while the file is in its mount of the node's folder. */
function reader(name: string, path: string): V1Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 1,
      volumes: [{ name: "data", hostPath: { path } }],
      containers: [
        {
          name: "reader",
          image: POD_IMAGE,
          imagePullPolicy: "IfNotPresent",
          command: ["sh", "-c", "cat /data/word; echo; exec sleep 100000"],
          volumeMounts: [{ name: "data", mountPath: "/data" }],
          readinessProbe: { exec: { command: ["test", "-e", "/data/word"] }, periodSeconds: 1 },
        },
      ],
    },
  };
}

/** What a pod has said since its last start: it is ready. */
function saidBy(pod: string): Promise<string> {
  const newest = `cat $(ls -t /var/log/pods/default_${pod}_*/reader/*.log | head -1)`;
  const look = async (): Promise<string | undefined> => {
    const { status } = await api.get<V1Pod>(`${PODS}/${pod}`);
    if (status?.containerStatuses?.[0]?.ready !== true) return undefined;
    return / F (\w+)$/.exec((await inNode("sh", "-c", newest)).trim())?.[1];
  };
  return clusters.until(`${pod} speaks`, () => look().catch(notYet), TIMEOUT_MS);
}

/** Of what is being started. */
function notYet(error: unknown): undefined {
  if (!(error instanceof GantryError)) throw error;
}

async function hostMountsBelow(path: string): Promise<string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines.map((line) => line.split(" ")[4] ?? "").filter((at) => at.startsWith(`${path}/`));
}

const dataDir = (): string => clusters.platform.dataDir;

test("a node has its folder of the host from the beginning; another comes while it runs, and pods see it", async () => {
  assert.equal(await inNode("cat", `${FIRST}/word`), "first");
  await give(first, second);
  assert.equal(await inNode("cat", `${SECOND}/word`), "second");
  await runPod(api, reader("reads-second", SECOND), TIMEOUT_MS);
  assert.equal(await saidBy("reads-second"), "second");
  await inNode("touch", `${FIRST}/made-in-node`);
  await access(join(folder.path, "first", "made-in-node"));
  await assert.rejects(inNode("touch", `${SECOND}/made-in-node`), /Read-only file system/);
});

test("a file of the host is mounted as one", async () => {
  await give(first, second, { hostPath: join(folder.path, "first", "word"), containerPath: "/etc/word" });
  assert.equal(await inNode("cat", "/etc/word"), "first");
});

test("a started cluster has its folders back before its kubelet begins pods", async () => {
  await clusters.verb("stop", ID);
  await clusters.verb("start", ID);
  assert.equal(await inNode("cat", `${SECOND}/word`, `${FIRST}/word`, "/etc/word"), "secondfirstfirst");
  assert.equal(await saidBy("reads-second"), "second");
  await assert.rejects(inNode("touch", `${SECOND}/made-in-node`), /Read-only file system/);
});

test("after the host's restart the nodes wait for their folders", async () => {
  const { uid } = (await theNode()).meta!;
  const { engine } = clusters.platform;
  await engine.powerOff();
  const mounts = await hostMountsBelow(dataDir());
  assert.equal(mounts.filter((at) => at.includes(uid)).length, 3);
  for (const at of mounts.toReversed()) await runCommand("umount", [at], { timeoutMs: 5_000 });
  await engine.start();
  const hasWord = (): Promise<boolean | undefined> =>
    inNode("cat", `${SECOND}/word`).then((word) => word === "second", notYet);
  await clusters.until("the folder is back in the node", hasWord, TIMEOUT_MS);
  const isWhole = async (): Promise<boolean> => {
    const { meta, status } = await clusters.get(ID);
    return meta!.operation === "" && status!.state === ClusterState.CLUSTER_STATE_RUNNING;
  };
  await clusters.until("the cluster is whole", isWhole, TIMEOUT_MS);
  assert.equal(await saidBy("reads-second"), "second");
});

test("a folder that is taken away is gone from node and host; others stay", async () => {
  await give(first);
  await assert.rejects(inNode("cat", `${SECOND}/word`), /No such file/);
  // Its place in the node stays, empty.
  assert.equal(await inNode("cat", "/etc/word"), "");
  assert.equal(await inNode("cat", `${FIRST}/word`), "first");
  assert.equal(await readFile(join(folder.path, "second", "word"), "utf8"), "second");
  await give();
  await assert.rejects(inNode("cat", `${FIRST}/word`), /No such file/);
  const { uid } = (await theNode()).meta!;
  assert.deepEqual(
    (await hostMountsBelow(dataDir())).filter((at) => at.includes(uid)),
    [],
  );
});

test("what cannot be mounted is refused, and the rest of the request undone", async () => {
  const shared = { ...first, propagation: MountPropagation.MOUNT_PROPAGATION_BIDIRECTIONAL };
  const wrong = await failure(give(shared, { hostPath: "relative", containerPath: "/kind/x" }));
  assert.deepEqual(
    wrong.violations.map(({ field }) => field),
    ["node.spec.mounts[1].host_path", "node.spec.mounts[1].container_path", "node.spec.mounts[0].propagation"],
  );
  const file = join(folder.path, "first", "word", "below-a-file");
  const error = await failure(give(first, { hostPath: file, containerPath: "/data/third" }));
  assert.equal(error.reason, "HOST_PATH_UNUSABLE");
  assert.deepEqual((await theNode()).spec!.mounts, []);
  await assert.rejects(inNode("cat", `${FIRST}/word`), /No such file/);
});

test("deleting leaves no mount and no folder, and nothing of the host's is touched", async () => {
  await give(first, second);
  await clusters.delete(ID);
  assert.deepEqual(await hostMountsBelow(dataDir()), []);
  await assert.rejects(access(join(dataDir(), "node-mounts")), /ENOENT/);
  for (const name of ["first", "second"]) assert.equal(await readFile(join(folder.path, name, "word"), "utf8"), name);
});
