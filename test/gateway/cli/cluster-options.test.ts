import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterSpec, PodNetwork } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { type ClusterOptions, clusterSpec } from "../../../gateway/cli/commands/cluster-options.ts";

const FILE_WITH_NODES = {
  name: "dev",
  spec: ClusterSpec.fromPartial({ nodeGroups: [{ count: 2, spec: { role: NodeRole.NODE_ROLE_CONTROL_PLANE } }] }),
};

function counts(options: ClusterOptions): string {
  return clusterSpec(options, undefined)
    .nodeGroups.map(
      ({ count, spec }) => `${count} ${spec?.role === NodeRole.NODE_ROLE_WORKER ? "workers" : "control planes"}`,
    )
    .join(", ");
}

test("how many nodes of which role", () => {
  for (const [options, expected] of [
    [{}, "1 control planes"],
    [{ nodes: "3" }, "1 control planes, 2 workers"],
    [{ nodes: "3", controlPlanes: "3" }, "3 control planes"],
    [{ controlPlanes: "3", workers: "5" }, "3 control planes, 5 workers"],
    [{ nodes: "4", workers: "3" }, "1 control planes, 3 workers"],
  ] as const) {
    assert.equal(counts(options), expected);
  }
  for (const [options, message] of [
    [{ nodes: "2", controlPlanes: "3" }, "--nodes 2: fewer than the 3 control planes"],
    [{ nodes: "9", workers: "3" }, "--nodes 9: 1 control planes and 3 workers are 4; say one of --nodes and --workers"],
    [{ nodes: "some" }, "--nodes some: not a whole number"],
    [{ podNetwork: "toString" }, "--pod-network toString: one of kernel, image, none"],
  ] as const) {
    assert.throws(() => clusterSpec(options, undefined), { message });
  }
});

test("limits are every node's, ports the first one's", () => {
  const { nodeGroups } = clusterSpec(
    { controlPlanes: "3", workers: "1", cpus: "1.5", memory: "2Gi", publish: ["8080:80"] },
    undefined,
  );
  assert.deepEqual(
    nodeGroups.map(({ count, spec }) => [count, spec?.cpuMillis, spec?.memoryBytes, spec?.ports.length]),
    [
      [1, 1500n, 2n ** 31n, 1],
      [2, 1500n, 2n ** 31n, 0],
      [1, 1500n, 2n ** 31n, 0],
    ],
  );
});

test("options beside a file: they add to it, but the nodes it names stay", () => {
  const spec = clusterSpec({ image: "img", podNetwork: "image", memory: "1Gi" }, FILE_WITH_NODES);
  assert.equal(spec.image, "img");
  assert.equal(spec.networking?.podNetwork, PodNetwork.POD_NETWORK_IMAGE);
  assert.deepEqual(
    [spec.nodeGroups.length, spec.nodeGroups[0]?.count, spec.nodeGroups[0]?.spec?.memoryBytes],
    [1, 2, 2n ** 30n],
  );
  assert.throws(() => clusterSpec({ workers: "1" }, FILE_WITH_NODES), {
    message: "--nodes, --control-planes and --workers do not go with a file that names the nodes",
  });
  const none = { name: "", spec: ClusterSpec.fromPartial({ networking: { podNetwork: PodNetwork.POD_NETWORK_NONE } }) };
  const added = clusterSpec({ nodes: "2" }, none);
  assert.deepEqual([added.nodeGroups.length, added.networking?.podNetwork], [2, PodNetwork.POD_NETWORK_NONE]);
});
