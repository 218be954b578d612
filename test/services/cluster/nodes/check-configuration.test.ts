import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster, type ClusterSpec } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node, NodeRole } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { withDefaults } from "../../../../services/cluster/clusters/defaults.ts";
import { parseKubernetesVersion } from "../../../../services/cluster/kubeadm/version.ts";
import { checkConfiguration } from "../../../../services/cluster/nodes/check-configuration.ts";
import { Violations } from "../../../../services/common/names/violations.ts";

const NAME = "projects/default/clusters/dev";
const HOST = { capacity: { cpuMillis: 4000, memoryBytes: 2 ** 34 }, cgroupV1: false };

interface Patched {
  merge?: string[];
  json?: ClusterSpec["kubeadmConfigJsonPatches"];
  /** Of the worker. */
  own?: string[];
}

function problems({ merge = [], json = [], own = [] }: Patched): string[] {
  const asked = { kubeadmConfigPatches: merge, kubeadmConfigJsonPatches: json };
  const spec = withDefaults(Cluster.fromPartial({ spec: asked }).spec, { nodeImage: "node:1", host: "here" });
  const cluster = Cluster.fromPartial({ meta: { name: NAME }, spec, reservation: { endpointName: "dev-api" } });
  const [control, worker] = [
    [NodeRole.NODE_ROLE_CONTROL_PLANE, "dev-control-plane", []],
    [NodeRole.NODE_ROLE_WORKER, "dev-worker", own],
  ].map(([role, id, kubeadmConfigPatches]) =>
    Node.fromPartial({
      meta: { name: `${NAME}/nodes/${id as string}` },
      spec: { role, kubeadmConfigPatches },
      reservation: { kubernetesName: id },
    } as never),
  );
  const version = parseKubernetesVersion("v1.20.2")!;
  const wanted = [
    { node: control!, version, path: "groups[0].spec" },
    { node: worker!, version, path: "groups[1].spec" },
    { node: worker!, version, path: "groups[1].spec" },
  ];
  const found = new Violations();
  checkConfiguration(found, cluster, [control!, worker!], wanted, HOST);
  return found.list.map(({ field, description }) => `${field} ${description}`);
}

const json = (patch: string, kind = "ClusterConfiguration") => [{ group: "", version: "", kind, patch }];

test("patches that fit are none of a problem", () => {
  const labels = 'kind: JoinConfiguration\nnodeRegistration: {kubeletExtraArgs: {node-labels: "a=b"}}\n';
  const sans = "kind: ClusterConfiguration\napiServer: {certSANs: [api.example.com, 192.0.2.1, '*.example.org']}\n";
  assert.deepEqual(problems({ merge: [sans], json: json('[{"op":"add","path":"/x","value":1}]'), own: [labels] }), []);
});

test("a patch that cannot be applied is named, once for all nodes", () => {
  assert.deepEqual(problems({ json: json('[{"op":"remove","path":"/nothing"}]') }), [
    "cluster.spec.kubeadm_config_json_patches[0].patch cannot be applied: patch operation 0 (remove /nothing): there is no nothing",
  ]);
  const other = json('[{"op":"replace","path":"/kind","value":"Other"}]');
  assert.match(
    problems({ json: other }).join(),
    /^cluster\S+\[0\]\.patch cannot be applied: a patch of ClusterConfigur/,
  );
});

test("a patch that makes what no node can be made from is named", () => {
  for (const [patch, problem] of [
    ["apiServer: {certSANs: nope}", /apiServer\.certSANs is not a list of DNS names and IP addresses/],
    ["apiServer: {certSANs: ['no name']}", /apiServer\.certSANs is not a list/],
    ["apiServer: {extraArgs: {v: 4}}", /apiServer\.extraArgs is not a mapping or list of flags with strings as values/],
    ["networking: null", /networking\.serviceSubnet is not a string/],
    ["networking: {serviceSubnet: everywhere}", /everywhere is no IPv4 range/],
  ] as const) {
    const merge = ["kind: KubeletConfiguration\nmaxPods: 20\n", `kind: ClusterConfiguration\n${patch}\n`];
    const told = problems({ merge });
    assert.match(told.join(), problem);
    assert.match(told.join(), /^cluster\.spec\.kubeadm_config_patches\[1\] makes what cannot be used: /);
  }
  const own = ["kind: JoinConfiguration\nnodeRegistration: {criSocket: null}\n"];
  assert.match(problems({ own }).join(), /^groups\[1\]\.spec\.kubeadm_config_patches\[0\] .*criSocket is not a string/);
});

test("what one patch breaks another may mend", () => {
  const broken = "kind: ClusterConfiguration\napiServer: {certSANs: nope}\n";
  const mended = json('[{"op":"replace","path":"/apiServer/certSANs","value":["127.0.0.1"]}]');
  assert.deepEqual(problems({ merge: [broken], json: mended }), []);
});
