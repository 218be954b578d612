import assert from "node:assert/strict";
import { test } from "node:test";
import { changedNode, type NodeOptions } from "../../../gateway/cli/commands/node-options.ts";
import { NodeSpec } from "../../../proto/gen/gantry/cluster/v1/node.ts";

const SPEC = NodeSpec.fromPartial({
  labels: { disk: "slow", zone: "a" },
  taints: [
    { key: "only", value: "x", effect: "NoSchedule" },
    { key: "only", value: "x", effect: "NoExecute" },
  ],
  cpuMillis: 500n,
  mounts: [{ hostPath: "/srv", containerPath: "/data" }],
  ports: [
    { hostIp: "0.0.0.0", hostPort: 8080, port: 30_080, protocol: "tcp" },
    { hostPort: 0, port: 53, protocol: "udp" },
  ],
});

test("only what is named changes", () => {
  const { spec, mask } = changedNode(SPEC, { label: ["disk=fast", "zone-"], memory: "1Gi" });
  assert.deepEqual(mask, ["spec.labels", "spec.memory_bytes"]);
  assert.deepEqual(spec.labels, { disk: "fast" });
  assert.deepEqual([spec.cpuMillis, spec.memoryBytes], [500n, 2n ** 30n]);
  assert.deepEqual([spec.mounts, spec.ports, spec.taints], [SPEC.mounts, SPEC.ports, SPEC.taints]);
});

test("taints by key and effect, as kubectl writes them", () => {
  const taints = (...taint: string[]) =>
    changedNode(SPEC, { taint }).spec.taints.map(({ key, value, effect }) => `${key}=${value}:${effect}`);
  assert.deepEqual(taints("only-"), []);
  assert.deepEqual(taints("only:NoExecute-"), ["only=x:NoSchedule"]);
  assert.deepEqual(taints("only=y:NoSchedule"), ["only=x:NoExecute", "only=y:NoSchedule"]);
  assert.deepEqual(taints("only-", "new:PreferNoSchedule"), ["new=:PreferNoSchedule"]);
});

test("ports and mounts come and go", () => {
  const { spec, mask } = changedNode(SPEC, {
    publish: ["127.0.0.1:9090:90/sctp", "70"],
    unpublish: ["8080", "53/udp"],
    mount: ["/opt/a:/opt/b:ro"],
    unmount: ["/data"],
  });
  assert.deepEqual(mask, ["spec.mounts", "spec.ports"]);
  assert.deepEqual(
    spec.ports.map(({ hostIp, hostPort, port, protocol }) => [hostIp, hostPort, port, protocol]),
    [
      ["127.0.0.1", 9090, 90, "sctp"],
      ["", 0, 70, ""],
    ],
  );
  assert.deepEqual(
    spec.mounts.map(({ hostPath, containerPath, readOnly }) => [hostPath, containerPath, readOnly]),
    [["/opt/a", "/opt/b", true]],
  );
});

const WRONG: [NodeOptions, RegExp][] = [
  [{}, /say what to change/],
  [{ label: ["disk"] }, /--label disk: write key=value or key-/],
  [{ taint: ["only"] }, /--taint only: write/],
  [{ taint: ["other-"] }, /no such taint/],
  [{ unpublish: ["9"] }, /--unpublish 9: the node has no such port/],
  [{ mount: ["data:/data"] }, /--mount data:\/data: write/],
  [{ mount: ["/a:/b:no"] }, /--mount/],
  [{ unmount: ["/nowhere"] }, /nothing of the host is mounted there/],
];

for (const [options, message] of WRONG) {
  test(`refused with what to write: ${JSON.stringify(options)}`, () => {
    assert.throws(() => changedNode(SPEC, options), message);
  });
}
