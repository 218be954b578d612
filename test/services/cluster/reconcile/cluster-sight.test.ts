import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cluster, ClusterState, PowerState } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node, NodeRole } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { clusterSight } from "../../../../services/cluster/reconcile/cluster-sight.ts";
import { difference } from "../../../../services/cluster/reconcile/difference.ts";
import { identityLabels, KIND_CLUSTER_NETWORK, KIND_NODE } from "../../../../services/common/engine/labels.ts";
import { type ContainerState, type NetworkState, UNDETAILED } from "../../../../services/common/engine/state.ts";

const NAME = "projects/default/clusters/dev";
const KIND = { "io.x-k8s.kind.cluster": "dev" };

function container(id: string, state: string, labels: Record<string, string>, network = "kind"): ContainerState {
  const addresses = [{ network, ipv4: "172.18.0.5", ipv6: "", mac: "" }];
  return { ...UNDETAILED, id, name: id, image: "n", state, labels: { ...KIND, ...labels }, addresses };
}

function network(name: string, labels: Record<string, string> = {}): NetworkState {
  return { id: name, name, driver: "bridge", subnets: [], labels };
}

function records(adopted: boolean): { cluster: Cluster; nodes: Node[] } {
  const cluster = Cluster.fromPartial({
    meta: { name: NAME, uid: "c" },
    spec: { power: PowerState.POWER_STATE_RUNNING },
    status: {
      adopted,
      network: adopted ? "kind" : "gantry-dev",
      state: ClusterState.CLUSTER_STATE_RUNNING,
      observedGeneration: 1n,
    },
  });
  const nodes = ["dev-control-plane", "dev-worker"].map((id, i) =>
    Node.fromPartial({
      meta: { name: `${NAME}/nodes/${id}`, uid: `uid-${id}` },
      spec: { role: i === 0 ? NodeRole.NODE_ROLE_CONTROL_PLANE : NodeRole.NODE_ROLE_WORKER },
      reservation: {},
      status: { containerId: `id-${id}` },
    }),
  );
  return { cluster, nodes };
}

const labelsOf = (id: string): Record<string, string> =>
  identityLabels({ name: `${NAME}/nodes/${id}`, uid: `uid-${id}`, kind: KIND_NODE });

describe("what of an engine belongs to a cluster", () => {
  test("of our making: by the labels, in the network of its own", () => {
    const { cluster, nodes } = records(false);
    const own = network("gantry-dev", identityLabels({ name: NAME, uid: "c", kind: KIND_CLUSTER_NETWORK }));
    const containers = [
      container("x", "running", labelsOf("dev-control-plane"), "gantry-dev"),
      container("id-dev-worker", "running", identityLabels({ name: "n", uid: "another", kind: KIND_NODE })),
    ];
    const sight = clusterSight(cluster, nodes, { containers, networks: [network("kind"), own] });
    assert.deepEqual([...sight.containers], [["uid-dev-control-plane", "running"]]);
    assert.deepEqual([...sight.addresses], [["uid-dev-control-plane", "172.18.0.5"]]);
    assert.equal(sight.network, true);
    assert.equal(clusterSight(cluster, nodes, { containers, networks: [network("gantry-dev")] }).network, false);
  });

  test("of kind's making: by their ids, in the network that all of kind's are in", () => {
    const { cluster, nodes } = records(true);
    const containers = [container("id-dev-control-plane", "running", {}), container("later", "running", {})];
    const sight = clusterSight(cluster, nodes, { containers, networks: [network("kind")] });
    assert.deepEqual([...sight.containers], [["uid-dev-control-plane", "running"]]);
    assert.equal(sight.network, true);
  });
});

const adopted: [string, [id: string, state: string][], string | undefined][] = [
  [
    "all run",
    [
      ["id-dev-control-plane", "running"],
      ["id-dev-worker", "running"],
    ],
    undefined,
  ],
  [
    "one has ended",
    [
      ["id-dev-control-plane", "running"],
      ["id-dev-worker", "exited"],
    ],
    "start",
  ],
  ["one is gone: it is not ours to make anew", [["id-dev-control-plane", "running"]], undefined],
  ["all are gone", [], "delete"],
  ["another of that name was made since", [["new", "running"]], "delete"],
];
for (const [title, found, expected] of adopted) {
  test(`of kind's making, ${title}`, () => {
    const { cluster, nodes } = records(true);
    const containers = found.map(([id, state]) => container(id, state, {}));
    const sight = clusterSight(cluster, nodes, { containers, networks: [network("kind")] });
    assert.equal(difference(cluster, nodes, sight), expected);
  });
}
