import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterSpec, PowerState } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { forkedNodes, forkedSpec } from "../../../../services/cluster/clusters/forked.ts";

test("a fork has the source's spec, but no port of the host that the source has; and it runs", () => {
  const source = ClusterSpec.fromPartial({
    image: "node:1",
    power: PowerState.POWER_STATE_STOPPED,
    networking: { apiServerPort: 6443, podSubnet: "10.1.0.0/16" },
    nodeGroups: [{ count: 1, spec: { ports: [{ port: 80, hostPort: 8080 }] } }],
  });
  const fork = forkedSpec(source);
  assert.equal(fork.networking!.apiServerPort, 0);
  assert.equal(fork.networking!.podSubnet, "10.1.0.0/16");
  assert.equal(fork.nodeGroups[0]!.spec!.ports[0]!.hostPort, 0);
  assert.equal(fork.power, PowerState.POWER_STATE_RUNNING);
  assert.equal(source.nodeGroups[0]!.spec!.ports[0]!.hostPort, 8080, "the source stays as it is");
});

test("its nodes have its name; in Kubernetes they keep theirs, and the ranges of their pods", () => {
  const source = Node.fromPartial({
    meta: { name: "projects/a/clusters/dev/nodes/dev-worker2", uid: "u", host: "h" },
    spec: { labels: { disk: "fast" } },
    reservation: { ipv4: "10.0.0.9", podCidr: "10.1.2.0/24", kubernetesName: "a.dev-worker2" },
  });
  const [node] = forkedNodes("projects/b/clusters/copy", [source]);
  assert.equal(node!.meta!.name, "projects/b/clusters/copy/nodes/copy-worker2");
  assert.equal(node!.meta!.uid, "");
  assert.deepEqual(node!.spec!.labels, { disk: "fast" });
  const { ipv4, podCidr, kubernetesName } = node!.reservation!;
  assert.deepEqual([ipv4, podCidr, kubernetesName], ["", "10.1.2.0/24", "a.dev-worker2"]);
});
