import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { after, before, test } from "node:test";
import { Node, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { UpdateNodeRequest } from "../../../proto/gen/gantry/cluster/v1/service.ts";
import type { KubernetesClient } from "../../../services/cluster/kubernetes/client.ts";
import { claimHostPort } from "../../../services/cluster/network/host-port.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { tableOf } from "../../../services/cluster/node-ports/rules.ts";
import { listContainers } from "../../../services/common/engine/api/containers.ts";
import { run } from "../../../services/common/process/run.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { failure } from "./support/api.ts";
import { TestClusters } from "./support/clusters.ts";
import { askUrl, runPod, webPod } from "./support/pods.ts";

const ID = "dev";
const CONTAINER = `${ID}-control-plane`;
const NODE_PORT = 30_080;
const TIMEOUT_MS = 60_000;
const LOOPBACK = "127.0.0.1";

let clusters: TestClusters;
let api: KubernetesClient;
before(async () => {
  clusters = await TestClusters.start();
  const ports = [{ hostIp: "0.0.0.0", hostPort: 0, port: NODE_PORT }];
  await clusters.created(ID, {
    spec: { nodeGroups: [{ spec: { role: NodeRole.NODE_ROLE_CONTROL_PLANE, ports } }] } as never,
  });
  api = await clusters.api(ID);
  await runPod(api, webPod("web"), TIMEOUT_MS);
  const body = {
    metadata: { name: "web" },
    spec: { type: "NodePort", selector: { app: "web" }, ports: [{ port: 80, nodePort: NODE_PORT }] },
  };
  await api.call("POST", "/api/v1/namespaces/default/services", { body });
});
after(() => clusters?.[Symbol.asyncDispose]());

async function publish(
  hostPorts: { hostIp?: string; hostPort: number; protocol?: string }[],
  more: object = {},
): Promise<Node> {
  const ports = hostPorts.map((port) => ({ port: NODE_PORT, ...port }));
  const node = { meta: { name: `${clusters.name(ID)}/nodes/${CONTAINER}` }, spec: { ports, ...more } };
  const updateMask = ["spec.ports", ...Object.keys(more).map((key) => `spec.${key}`)];
  const request = { ...UpdateNodeRequest.fromPartial({ node } as never), updateMask };
  const done = await clusters.wait(await call(clusters.client, "updateNode", request, clusters.token));
  if (done.result?.$case !== "response") throw new Error("the operation has no response");
  return Node.decode(done.result.value.value);
}

async function theNode(): Promise<Node> {
  return (await clusters.nodes(ID))[0]!;
}

/** Name of the pod that answers at a port of the host. */
async function ask(address: string, port: number): Promise<string> {
  return (await askUrl(`http://${address}:${port}/hostname`, TIMEOUT_MS)).trim();
}

/** Whether a connection to a port of the host is taken. */
async function isTaken(port: number): Promise<boolean> {
  const answer = await fetch(`http://${LOOPBACK}:${port}/`, { signal: AbortSignal.timeout(5_000) }).catch(
    () => undefined,
  );
  return answer !== undefined;
}

function outsideAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.find(({ family, internal }) => family === "IPv4" && !internal)!.address;
}

async function tableOfCluster(): Promise<string | undefined> {
  const { uid } = (await clusters.get(ID)).meta!;
  const { signal } = new AbortController();
  const { stdout } = await run("nft", ["list", "tables", "ip"], { timeoutMs: 5_000, signal });
  return stdout.split("\n").find((line) => line === `table ip ${tableOf(uid)}`);
}

const freePort = (): Promise<number> => claimHostPort({ hostIp: LOOPBACK, hostPort: 0, protocol: "tcp" });

test("a port that the host chose at creation leads to the node, from every address of the host", async () => {
  const { status, reservation } = await theNode();
  const [held] = reservation!.ports;
  assert.ok(held!.hostPort > 0);
  assert.deepEqual(
    status!.ports.filter(({ port }) => port === NODE_PORT).map(({ hostPort }) => hostPort),
    [held!.hostPort],
  );
  for (const address of [LOOPBACK, outsideAddress()]) assert.equal(await ask(address, held!.hostPort), "web");
  const [container] = await listContainers(clusters.engine, { name: [CONTAINER] });
  assert.equal(
    container!.Ports.some(({ PrivatePort }) => PrivatePort === NODE_PORT),
    false,
  );
});

test("ports of a running node change: the new one leads there, the old one no more", async () => {
  const old = (await theNode()).reservation!.ports[0]!.hostPort;
  const port = await freePort();
  const { status } = await publish([{ hostPort: port }]);
  assert.deepEqual(
    status!.ports.filter((each) => each.port === NODE_PORT).map(({ hostPort }) => hostPort),
    [port],
  );
  assert.equal(await ask(LOOPBACK, port), "web");
  assert.equal(await isTaken(old), false);
  // No process gets what would be led past it.
  const [refused] = (await once(createServer().listen(port, LOOPBACK), "error")) as [NodeJS.ErrnoException];
  assert.equal(refused.code, "EADDRINUSE");
});

test("UDP is led there too", async () => {
  const hostPort = await claimHostPort({ hostIp: LOOPBACK, hostPort: 0, protocol: "udp" });
  const tcp = (await theNode()).reservation!.ports[0]!.hostPort;
  await publish([{ hostPort: tcp }, { hostPort, protocol: "udp" }]);
  const { signal } = new AbortController();
  const command = ["timeout", "20", "socat", "-u", `UDP4-RECVFROM:${NODE_PORT}`, "STDOUT"];
  const received = runInNode({ engine: clusters.engine, container: CONTAINER, command, signal });
  const socket = createSocket("udp4");
  const timer = setInterval(() => socket.send("hello", hostPort, LOOPBACK), 100);
  try {
    assert.equal(await received, "hello");
  } finally {
    clearInterval(timer);
    socket.close();
  }
});

test("a port that a process has is refused, and what the same request changed is undone", async () => {
  const server = createServer().listen(0, LOOPBACK);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const held = (await theNode()).reservation!.ports;
  const error = await failure(publish([{ hostPort: port }], { labels: { disk: "none" } }));
  server.close();
  assert.equal(error.reason, "PORT_IN_USE");
  assert.match(error.message, new RegExp(`a process of the host has port ${port}/tcp of 127.0.0.1`));
  const { spec, reservation } = await theNode();
  assert.deepEqual(reservation!.ports, held);
  assert.equal(spec!.ports[0]!.hostPort, held[0]!.hostPort);
  assert.equal("disk" in spec!.labels, false);
  const { metadata } = await api.get<{ metadata: { labels: Record<string, string> } }>(`/api/v1/nodes/${CONTAINER}`);
  assert.equal("disk" in metadata.labels, false);
});

test("what fits nobody is refused before anything is begun, by field", async () => {
  const wrong = publish([{ hostPort: 80 }, { hostPort: 80 }, { hostIp: "::1", hostPort: 81 }, { hostPort: 70_000 }]);
  assert.deepEqual(
    (await failure(wrong)).violations.map(({ field }) => field),
    ["node.spec.ports[3].host_port", "node.spec.ports[2].host_ip", "node.spec.ports[1].host_port"],
  );
  const { hostPort } = (await theNode()).reservation!.ports[0]!;
  const spec = { nodeGroups: [{ spec: { role: NodeRole.NODE_ROLE_CONTROL_PLANE, ports: [{ hostPort, port: 80 }] } }] };
  const error = await failure(clusters.create("other", { spec: spec as never }));
  assert.equal(error.reason, "PORT_TAKEN");
  assert.match(error.message, new RegExp(`leads to node ${CONTAINER} already`));
});

test("rules that somebody flushed come back", async () => {
  const { hostPort } = (await theNode()).reservation!.ports[0]!;
  const { uid } = (await clusters.get(ID)).meta!;
  const { signal } = new AbortController();
  await run("nft", ["delete", "table", "ip", tableOf(uid)], { timeoutMs: 5_000, signal });
  assert.equal(await ask(LOOPBACK, hostPort), "web");
});

test("a stopped cluster has no port of the host, a started one the same as before", async () => {
  const { hostPort } = (await theNode()).reservation!.ports[0]!;
  await clusters.verb("stop", ID);
  await clusters.until("the table is gone", async () => (await tableOfCluster()) === undefined);
  await clusters.until("the node shows none", async () => (await theNode()).status!.ports.length === 0);
  await clusters.verb("start", ID);
  assert.equal(await ask(LOOPBACK, hostPort), "web");
  assert.ok((await theNode()).status!.ports.some((port) => port.hostPort === hostPort));
});

test("a started cluster does not take a port that a process has meanwhile", async () => {
  const { hostPort } = (await theNode()).reservation!.ports[0]!;
  await clusters.verb("stop", ID);
  await clusters.until("the table is gone", async () => (await tableOfCluster()) === undefined);
  const server = createServer().listen(hostPort, LOOPBACK);
  await once(server, "listening");
  assert.equal((await failure(clusters.verb("start", ID))).reason, "PORT_IN_USE");
  server.close();
  await once(server, "close");
  await clusters.verb("start", ID);
  assert.equal(await ask(LOOPBACK, hostPort), "web");
});

test("deleting leaves no rule", async () => {
  const { uid } = (await clusters.get(ID)).meta!;
  await clusters.delete(ID);
  const { signal } = new AbortController();
  const { stdout } = await run("nft", ["list", "tables", "ip"], { timeoutMs: 5_000, signal });
  assert.equal(stdout.includes(uid), false);
});
