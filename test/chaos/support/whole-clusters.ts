import assert from "node:assert/strict";
import type { V1Node } from "@kubernetes/client-node";
import { ClusterState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { waitUntil } from "../../../deploy/local/process/wait-until.ts";
import { controlPlanesOf } from "../../../services/cluster/clusters/control-planes.ts";
import { containerNameOfNode, engineNameOfCluster, networkNameOf } from "../../../services/cluster/clusters/names.ts";
import { inspectContainer, listContainers } from "../../../services/common/engine/api/containers.ts";
import { listNetworks } from "../../../services/common/engine/api/networks.ts";
import { listVolumes } from "../../../services/common/engine/api/volumes.ts";
import { KIND_API_STUB, KIND_PROBE, LABEL_KIND } from "../../../services/common/engine/labels.ts";
import { call } from "../../../services/common/rpc/client.ts";
import { LIST } from "../../services/cluster/support/api.ts";
import type { ClusterScene } from "./cluster-scene.ts";
import { answered } from "./settle.ts";

const OF_THE_ENGINE = ["bridge", "host", "none"];
const SETTLE_MS = 30_000;

/** The clusters that are to be there run; and on the engine, which nobody else uses, and in the records there is nothing else. */
export async function assertWholeClusters(scene: ClusterScene, ids: readonly string[]): Promise<void> {
  const look = async (): Promise<true> => {
    await looksWhole(scene, ids);
    return true;
  };
  await waitUntil(look, { what: "everything as it should be", timeoutMs: SETTLE_MS });
  assert.deepEqual(scene.watcher.violations, [], "what Watch told");
}

async function looksWhole({ clusters, watcher }: ClusterScene, ids: readonly string[]): Promise<void> {
  const names = ids.map((id) => clusters.name(id));
  const listed = await answered(() =>
    call(clusters.client, "listClusters", { ...LIST, parent: "projects/-" }, clusters.token),
  );
  assert.deepEqual(listed.clusters.map(({ meta }) => meta!.name).toSorted(), names.toSorted(), "clusters");
  for (const { meta, status } of listed.clusters) {
    assert.deepEqual([status!.state, meta!.operation], [ClusterState.CLUSTER_STATE_RUNNING, ""], meta!.name);
  }
  const { nodes } = await answered(() =>
    call(clusters.client, "listNodes", { ...LIST, parent: "projects/-/clusters/-" }, clusters.token),
  );
  for (const [kind, wanted] of [
    ["Cluster", names],
    ["Node", nodes.map(({ meta }) => meta!.name)],
  ] as const) {
    const told = watcher.ofKind(kind).map(({ name }) => name);
    assert.deepEqual(told.toSorted(), wanted.toSorted(), `${kind} records that Watch told`);
  }
  await engineHasOnly({ clusters, nodes, names });
  for (const id of ids) await kubernetesHasOnly(clusters, id, nodesOf(nodes, clusters.name(id)));
}

function nodesOf(nodes: readonly Node[], cluster: string): Node[] {
  return nodes.filter(({ meta }) => meta!.name.startsWith(`${cluster}/`));
}

interface Wanted {
  clusters: ClusterScene["clusters"];
  nodes: readonly Node[];
  names: readonly string[];
}

async function engineHasOnly({ clusters: { engine }, nodes, names }: Wanted): Promise<void> {
  const all = await listContainers(engine);
  // What looks into an image, and was cut off, goes by itself after a while, with its volume.
  const containers = all.filter(({ Labels }) => ![KIND_PROBE, KIND_API_STUB].includes(Labels[LABEL_KIND] ?? ""));
  const stubs = all.filter(({ Labels }) => Labels[LABEL_KIND] === KIND_API_STUB).map(({ Names }) => Names[0]!.slice(1));
  const several = names.filter((name) => controlPlanesOf(nodesOf(nodes, name)).length > 1);
  const wanted = several.map((name) => `${engineNameOfCluster(name)}-external-load-balancer`);
  assert.deepEqual(stubs.toSorted(), wanted.toSorted(), "what kind's tools find API addresses by");
  const of = ({ meta, status }: Node): string => `${containerNameOfNode(meta!.name)} ${status!.containerId}`;
  const found = containers.map(({ Names, Id }) => `${Names[0]!.slice(1)} ${Id}`);
  assert.deepEqual(found.toSorted(), nodes.map(of).toSorted(), "containers on the engine");
  for (const { meta, status } of nodes) assert.equal(status!.state, NodeState.NODE_STATE_READY, meta!.name);
  const mounted = new Set<string>();
  for (const { Id } of all) {
    for (const { Name } of (await inspectContainer(engine, Id)).Mounts ?? []) if (Name) mounted.add(Name);
  }
  const volumes = (await listVolumes(engine)).map(({ Name }) => Name);
  assert.deepEqual(volumes.toSorted(), [...mounted].toSorted(), "volumes on the engine");
  const networks = (await listNetworks(engine)).map(({ Name }) => Name);
  assert.deepEqual(networks.toSorted(), [...OF_THE_ENGINE, ...names.map(networkNameOf)].toSorted(), "networks");
}

async function kubernetesHasOnly(
  clusters: ClusterScene["clusters"],
  id: string,
  nodes: readonly Node[],
): Promise<void> {
  const { items } = await (await clusters.api(id)).get<{ items: V1Node[] }>("/api/v1/nodes");
  const found = items.map(({ metadata, spec }) => `${metadata!.name} ${spec!.podCIDR}`);
  const wanted = nodes.map(({ reservation }) => `${reservation!.kubernetesName} ${reservation!.podCidr}`);
  assert.deepEqual(found.toSorted(), wanted.toSorted(), `nodes in Kubernetes ${id}`);
  assert.ok(
    items.every(({ spec }) => !spec!.unschedulable),
    "all take pods",
  );
}
