import assert from "node:assert/strict";
import { Agent } from "node:https";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { V1ConfigMap, V1Node } from "@kubernetes/client-node";
import { parse } from "yaml";
import { runCommand } from "../../../deploy/local/process/run-command.ts";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { tableOf } from "../../../services/cluster/api-address/rules.ts";
import { runInNode } from "../../../services/cluster/nodes/run-in-node.ts";
import { provideTools } from "../../support/tools.ts";
import { askAddress, askOnce, etcdMembers } from "./support/control-planes.ts";
import { TestClusters } from "./support/clusters.ts";

const NAMES = ["trio-control-plane", "trio-control-plane2", "trio-control-plane3"] as const;
const COMMAND_TIMEOUT_MS = 30_000;
/** Beyond what it may take to notice, on a host that has much else to do. */
const NOTICED_MS = 30_000;
const { signal } = new AbortController();

let clusters: TestClusters;
let address: string;
before(async () => {
  clusters = await TestClusters.start();
});
after(() => clusters?.[Symbol.asyncDispose]());

const host = (file: string, ...args: string[]) => runCommand(file, args, { timeoutMs: COMMAND_TIMEOUT_MS });
const inNode = (container: string, ...command: string[]) =>
  runInNode({ engine: clusters.engine, container, command, signal });

test("three control planes: one etcd, an API server on each, and kubeadm's own notes of them", async () => {
  const trio = await clusters.created("trio", { controlPlanes: 3 });
  address = trio.reservation!.apiIpv4;
  assert.equal(trio.status!.state, ClusterState.CLUSTER_STATE_RUNNING);
  assert.equal(trio.status!.readyNodeCount, 3);
  assert.deepEqual(await etcdMembers(clusters, "trio"), NAMES);
  assert.equal(await askAddress(address), "ready");

  const api = await clusters.api("trio");
  for (const { metadata } of (await api.get<{ items: V1Node[] }>("/api/v1/nodes")).items) {
    assert.equal(metadata!.labels!["node-role.kubernetes.io/master"], "", metadata!.name);
  }
  const config = await api.get<V1ConfigMap>("/api/v1/namespaces/kube-system/configmaps/kubeadm-config");
  const { apiEndpoints } = parse(config.data!["ClusterStatus"]!) as { apiEndpoints: object };
  assert.deepEqual(Object.keys(apiEndpoints).toSorted(), NAMES);
  assert.doesNotMatch(config.data!["ClusterConfiguration"]!, /initial-cluster/);
});

test("every node reaches the API by its name, whichever server its turn leads to: its own among them", async () => {
  for (const container of NAMES) {
    for (let turn = 0; turn < NAMES.length; turn += 1) {
      const said = await inNode(container, "kubectl", "get", "--raw", "/readyz");
      assert.equal(said.trim(), "ok", container);
    }
  }
});

test("rules and address that somebody takes away are put back", async () => {
  await host("nft", "flush", "table", "ip", tableOf(address));
  const link = await linkOf(address);
  await host("ip", "address", "delete", `${address}/32`, "dev", link);
  assert.equal(await askAddress(address), "none");
  await clusters.until("it is back", async () => (await askAddress(address)) === "ready", NOTICED_MS);
  assert.equal(await linkOf(address), link);
});

test("a server that is cut off: new connections go to the others, those to it end and do not wait", async () => {
  const rule = ["INPUT", "--protocol", "tcp", "--dport", "6443", "--jump", "DROP"];
  const cutOff = (await clusters.nodes("trio"))[1]!.reservation!.ipv4;
  await clusters.until("all three serve", () => leadsTo(3), NOTICED_MS);
  const connections: Connection[] = [];
  try {
    // Kubelets connect meanwhile too: whose turn it is is not known before.
    await clusters.until("a connection leads there", async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const { answer, server } = await askOnce(agent, address, COMMAND_TIMEOUT_MS);
      connections.push({ agent, leadsThere: isOf(server, cutOff) });
      assert.equal(answer, "ready");
      return connections.some(({ leadsThere }) => leadsThere) && connections.length >= NAMES.length;
    });
    await inNode(NAMES[1], "iptables", "--wait", "--insert", ...rule);
    await clusters.until("the kernel ends connections to it", () => isCut(cutOff), NOTICED_MS);
    for (let turn = 0; turn < 2 * NAMES.length; turn += 1) assert.equal(await askAddress(address), "ready");
    for (const { agent, leadsThere } of connections) {
      const { answer, error, server } = await askOnce(agent, address, NOTICED_MS);
      // One that led there ends with what is sent next. That may have been a keep-alive of the kernel's: then this is a new one, elsewhere.
      if (!leadsThere || answer === "ready") assert.deepEqual([answer, isOf(server, cutOff)], ["ready", false]);
      else assert.match(error, /ECONNRESET|socket hang up/);
    }
  } finally {
    for (const { agent } of connections) agent.destroy();
    await inNode(NAMES[1], "iptables", "--wait", "--delete", ...rule);
  }
  await clusters.until("it is among them again", () => leadsTo(3), NOTICED_MS);
});

/** Whether these are the names in the certificate of the server of that address. */
function isOf(names: string, server: string): boolean {
  return names.includes(`IP Address:${server},`) || names.endsWith(`:${server}`);
}

interface Connection {
  agent: Agent;
  leadsThere: boolean;
}

async function leadsTo(servers: number): Promise<boolean> {
  return (await host("nft", "list", "chain", "ip", tableOf(address), "spread")).includes(`mod ${servers} map`);
}

async function isCut(server: string): Promise<boolean> {
  const rules = await host("nft", "list", "chain", "ip", tableOf(address), "cut");
  return rules
    .split("\n")
    .some((line) => line.includes(`ip daddr ${server} `) && line.includes("reject with tcp reset"));
}

test("the address is kept over kill -9 of the service", async () => {
  await clusters.platform.kill("cluster");
  await host("nft", "delete", "table", "ip", tableOf(address));
  await clusters.platform.start("cluster");
  await clusters.until("it is back", async () => (await askAddress(address)) === "ready", NOTICED_MS);
});

test("kind's own tools see the nodes and find the API", async () => {
  const { kind, kubectl, dir } = await provideTools();
  const env = {
    DOCKER_HOST: `unix://${clusters.platform.engine.socketPath}`,
    KUBECONFIG: join(clusters.platform.engine.dir, "kind-kubeconfig"),
    PATH: `${dir}:${process.env["PATH"]}`,
  };
  const tool = (file: string, ...args: string[]) => runCommand(file, args, { timeoutMs: COMMAND_TIMEOUT_MS, env });
  assert.equal((await tool(kind, "get", "clusters")).trim(), "trio");
  const nodes = (await tool(kind, "get", "nodes", "--name", "trio")).trim().split("\n").toSorted();
  // As kind lists those of its own clusters.
  assert.deepEqual(nodes, [...NAMES, "trio-external-load-balancer"]);
  assert.match(
    await tool(kind, "get", "kubeconfig", "--name", "trio"),
    new RegExp(`server: https://${address}:6443\n`),
  );
  await tool(kind, "export", "kubeconfig", "--name", "trio");
  assert.equal((await tool(kubectl, "get", "nodes", "--output", "name")).trim().split("\n").length, 3);
  const logs = join(clusters.platform.engine.dir, "kind-logs");
  await tool(kind, "export", "logs", logs, "--name", "trio");
});

test("deleting leaves nothing: no container, no rule, no address", async () => {
  await clusters.delete("trio");
  assert.deepEqual(await clusters.leftOnEngine("trio"), []);
  assert.doesNotMatch(await host("nft", "list", "tables"), new RegExp(`${tableOf(address)}$`, "m"));
  assert.equal(await linkOf(address), "");
});

/** That has the address; empty when none has. */
async function linkOf(of: string): Promise<string> {
  const links = JSON.parse((await host("ip", "-json", "address", "show", "to", `${of}/32`)) || "[]") as {
    ifname?: string;
    addr_info?: { local?: string }[];
  }[];
  return links.find(({ addr_info: found }) => found?.some(({ local }) => local === of))?.ifname ?? "";
}
