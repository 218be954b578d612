import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { status as Code } from "@grpc/grpc-js";
import type { V1ConfigMap } from "@kubernetes/client-node";
import { parse } from "yaml";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeGroup, NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { containerNameOfNode } from "../../../services/cluster/clusters/names.ts";
import {
  findContainer,
  killContainer,
  listContainers,
  removeContainer,
  startContainer,
} from "../../../services/common/engine/api/containers.ts";
import { connectNetwork, disconnectNetwork } from "../../../services/common/engine/api/networks.ts";
import { identityOf, KIND_NODE } from "../../../services/common/engine/labels.ts";
import { GantryError } from "../../../services/common/errors/errors.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { askAddress, etcdMembers } from "./support/control-planes.ts";
import { TestClusters } from "./support/clusters.ts";

const NAMES = ["trio-control-plane", "trio-control-plane2", "trio-control-plane3"];
const NETWORK = "gantry-trio";
const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const BACK_MS = 180_000;

let clusters: TestClusters;
before(async () => {
  clusters = await TestClusters.start();
  await clusters.created("trio", { controlPlanes: 3 });
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kept" }, data: { word: "kept" } };
  await (await clusters.api("trio")).call("POST", CONFIG_MAPS, { body });
});
after(() => clusters?.[Symbol.asyncDispose]());

/** Everything runs, at the addresses that are reserved; what was written is there. */
async function isWhole(): Promise<boolean> {
  const { meta, status, reservation } = await clusters.get("trio");
  if (meta!.operation !== "" || status!.state !== ClusterState.CLUSTER_STATE_RUNNING) return false;
  const nodes = await clusters.nodes("trio");
  const wanted = Object.fromEntries(nodes.map((node) => [nameOf(node), node.reservation!.ipv4]));
  if (!isDeepStrictEqual(await addresses(), wanted) || (await askAddress(reservation!.apiIpv4)) !== "ready")
    return false;
  try {
    const kept = await (await clusters.api("trio")).get<V1ConfigMap>(`${CONFIG_MAPS}/kept`);
    assert.equal(kept.data!["word"], "kept");
    return isDeepStrictEqual(await etcdMembers(clusters, "trio"), nodes.map(nameOf).toSorted());
  } catch (error) {
    // What the status says may be a moment old.
    if (error instanceof GantryError && error.code === Code.UNAVAILABLE) return false;
    throw error;
  }
}

const nameOf = (node: Node): string => containerNameOfNode(node.meta!.name);

async function addresses(): Promise<Record<string, string>> {
  const found = (await listContainers(clusters.engine)).filter(({ Labels }) => identityOf(Labels)?.kind === KIND_NODE);
  return Object.fromEntries(
    found.map(({ Names, NetworkSettings }) => [Names[0]!.slice(1), NetworkSettings.Networks[NETWORK]?.IPAddress ?? ""]),
  );
}

/** As somebody does who takes a container out of its network and puts it back: the engine chooses the address. */
async function readdress(container: string): Promise<void> {
  await disconnectNetwork(clusters.engine, NETWORK, { Container: container, Force: true });
  await connectNetwork(clusters.engine, NETWORK, { Container: container });
}

test("all nodes are killed, and started in another order", async () => {
  await Promise.all(NAMES.map((name) => killContainer(clusters.engine, name, "KILL")));
  for (const name of NAMES.toReversed()) await startContainer(clusters.engine, name);
  await clusters.until("the cluster is whole again", isWhole, BACK_MS);
});

test("stopped, its addresses changed by hand, started", async () => {
  await clusters.verb("stop", "trio");
  for (const name of NAMES) await readdress(name);
  await clusters.verb("start", "trio");
  await clusters.until("the cluster is whole again", isWhole, BACK_MS);
});

test("addresses changed and nodes started by hand, without a word to Gantry", async () => {
  const pinned = Object.values(await addresses());
  await clusters.platform.kill("cluster");
  await Promise.all(NAMES.map((name) => killContainer(clusters.engine, name, "KILL")));
  for (const name of NAMES) await readdress(name);
  for (const name of NAMES) await startContainer(clusters.engine, name);
  for (const address of Object.values(await addresses())) assert.ok(!pinned.includes(address), address);
  await clusters.platform.start("cluster");
  await clusters.until("the cluster is whole again", isWhole, BACK_MS);
});

test("a node that is taken out of the network while it runs is put back", async () => {
  await readdress(NAMES[2]!);
  await clusters.until("the cluster is whole again", isWhole, BACK_MS);
});

test("the host loses its power", async () => {
  await clusters.platform.engine.powerOff();
  await clusters.platform.engine.start();
  await clusters.until("the cluster is whole again", isWhole, BACK_MS);
});

test("a control plane that is lost with all it had, the first, is made anew", async () => {
  const [first] = NAMES;
  const before = (await findContainer(clusters.engine, first!))!.Id;
  await removeContainer(clusters.engine, first!);
  const made = async (): Promise<boolean> => {
    const now = await findContainer(clusters.engine, first!);
    return now !== undefined && now.Id !== before;
  };
  await clusters.until("a new one is there", made, BACK_MS);
  await clusters.until("the cluster is whole again", isWhole, BACK_MS);
});

test("a control plane leaves, and another comes", async () => {
  const name = `${clusters.name("trio")}/nodes/trio-control-plane3`;
  const request = { name, etag: "", requestId: "", drainTimeout: undefined, force: false };
  await clusters.wait(await call(clusters.client, "removeNode", request, clusters.token));
  await clusters.until("the cluster is whole without it", isWhole, BACK_MS);
  assert.deepEqual(await etcdMembers(clusters, "trio"), NAMES.slice(0, 2));
  assert.deepEqual(await endpoints(), NAMES.slice(0, 2));

  const nodes = NodeGroup.fromPartial({ count: 1, spec: { role: NodeRole.NODE_ROLE_CONTROL_PLANE } });
  const addition = { name: clusters.name("trio"), nodes, etag: "", requestId: "", retain: false };
  await clusters.wait(await call(clusters.client, "addNodes", addition, clusters.token));
  await clusters.until("the cluster is whole with another", isWhole, BACK_MS);
  assert.deepEqual(await endpoints(), NAMES);
});

/** As kubeadm has noted them. */
async function endpoints(): Promise<string[]> {
  const path = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";
  const config = await (await clusters.api("trio")).get<V1ConfigMap>(path);
  return Object.keys((parse(config.data!["ClusterStatus"]!) as { apiEndpoints: object }).apiEndpoints).toSorted();
}
