import assert from "node:assert/strict";
import { test } from "node:test";
import { Node } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { kubeadmDocuments } from "../../../../services/cluster/kubeadm/documents.ts";
import { nodeObject } from "../../../../services/cluster/nodes/node-object.ts";
import { kubeadmOptions } from "../kubeadm/support.ts";

const HOST = { cpuMillis: 4000, memoryBytes: 2 ** 34 };
const NODE = Node.fromPartial({
  spec: { labels: { tier: "web", own: "spec" } },
  reservation: { kubernetesName: "dev-control-plane", podCidr: "10.244.0.0/24" },
});

function objectOf(version: string, patch: string, first = true) {
  const merge = [`kind: ${first ? "InitConfiguration" : "JoinConfiguration"}\nnodeRegistration: ${patch}\n`];
  const documents = kubeadmDocuments(kubeadmOptions(version), [{ merge, json: [] }]);
  return nodeObject(NODE, documents, { first, host: HOST });
}

test("labels that a patch gives the kubelet are the node's, with those of its spec", () => {
  for (const version of ["v1.20.2", "v1.36.0"]) {
    for (const first of [true, false]) {
      const patch = '{kubeletExtraArgs: {node-labels: "ingress-ready=true,own=patch, empty="}}';
      assert.deepEqual(objectOf(version, patch, first).metadata!.labels, {
        "kubernetes.io/hostname": "dev-control-plane",
        tier: "web",
        own: "patch",
        "ingress-ready": "true",
        empty: "",
      });
    }
  }
});

test("taints are those of the flag, where a patch states it, as the kubelet would take them", () => {
  const flag = '{kubeletExtraArgs: {register-with-taints: "dedicated=web:NoSchedule,alone:NoExecute"}}';
  assert.deepEqual(objectOf("v1.20.2", flag).spec!.taints, [
    { key: "dedicated", value: "web", effect: "NoSchedule" },
    { key: "alone", effect: "NoExecute" },
  ]);
  const listed = "{taints: [{key: alone, effect: NoExecute}]}";
  assert.deepEqual(objectOf("v1.20.2", listed).spec!.taints, [{ key: "alone", effect: "NoExecute" }]);
  assert.throws(
    () => objectOf("v1.20.2", "{kubeletExtraArgs: {register-with-taints: alone}}"),
    /register-with-taints: alone is not KEY=VALUE:EFFECT or KEY:EFFECT/,
  );
});

test("a registration of the wrong kind is told by its field", () => {
  for (const [patch, problem] of [
    ["null", /InitConfiguration: nodeRegistration is not a mapping/],
    ["{criSocket: 1}", /nodeRegistration\.criSocket is not a string/],
    ["{taints: nope}", /nodeRegistration\.taints is not a list of taints/],
    [
      "{kubeletExtraArgs: {v: 4}}",
      /nodeRegistration\.kubeletExtraArgs is not a mapping or list of flags with strings as values/,
    ],
  ] as const) {
    assert.throws(() => objectOf("v1.20.2", patch), problem);
  }
});
