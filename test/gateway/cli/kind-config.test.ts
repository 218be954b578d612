import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { ClusterSpec } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { UsageError } from "../../../gateway/cli/exit-codes.ts";
import { isKindConfig, readKindConfig, readNamedKindConfig } from "../../../gateway/cli/kind-config/kind-config.ts";
import { readKindFile } from "../../../gateway/cli/kind-config/read-file.ts";
import { codec } from "../../../services/common/codec/codec.ts";

const HEAD = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n";

/** The spec as ProtoJSON, what is empty left out. */
function specOf(yaml: string): unknown {
  const read = readKindConfig(parse(HEAD + yaml));
  if (Array.isArray(read)) assert.fail(read.join("; "));
  return codec.toJson("gantry.cluster.v1.ClusterSpec", ClusterSpec.encode(read.spec).finish());
}

const MAPPED: [what: string, yaml: string, spec: unknown][] = [
  ["nothing but the head", "", { networking: {} }],
  [
    "nodes in their order, control planes where no role is stated",
    "nodes:\n- {}\n- role: worker\n- role: worker\n  image: kindest/node:v1.30.0\n  labels: {tier: front, weight: 3}\n",
    {
      networking: {},
      nodeGroups: [
        { count: 1, spec: { role: "NODE_ROLE_CONTROL_PLANE" } },
        { count: 1, spec: { role: "NODE_ROLE_WORKER" } },
        {
          count: 1,
          spec: { role: "NODE_ROLE_WORKER", image: "kindest/node:v1.30.0", labels: { tier: "front", weight: "3" } },
        },
      ],
    },
  ],
  [
    "everything a node may have",
    `nodes:
- role: control-plane
  extraMounts:
  - {hostPath: /srv, containerPath: /data, readOnly: true, propagation: HostToContainer, selinuxRelabel: false}
  - {hostPath: ./sites/, containerPath: /sites/}
  extraPortMappings:
  - {containerPort: 80, hostPort: 8080}
  - {containerPort: 53, hostPort: -1, listenAddress: 127.0.0.1, protocol: UDP}
  - {containerPort: 443, listenAddress: ""}
  gpus: all
  kubeadmConfigPatches: ["kind: InitConfiguration\\n"]
  kubeadmConfigPatchesJSON6902: []
`,
    {
      networking: {},
      nodeGroups: [
        {
          count: 1,
          spec: {
            role: "NODE_ROLE_CONTROL_PLANE",
            mounts: [
              {
                hostPath: "/srv",
                containerPath: "/data",
                readOnly: true,
                propagation: "MOUNT_PROPAGATION_HOST_TO_CONTAINER",
              },
              { hostPath: join(process.cwd(), "sites"), containerPath: "/sites" },
            ],
            ports: [
              { hostIp: "0.0.0.0", hostPort: 8080, port: 80, protocol: "tcp" },
              { hostIp: "127.0.0.1", port: 53, protocol: "udp" },
              { hostIp: "0.0.0.0", port: 443, protocol: "tcp" },
            ],
            devices: ["nvidia.com/gpu=all"],
            kubeadmConfigPatches: ["kind: InitConfiguration\n"],
          },
        },
      ],
    },
  ],
  [
    "everything a cluster may have",
    `name: dev
networking:
  ipFamily: ipv4
  apiServerPort: 6443
  apiServerAddress: 127.0.0.1
  podSubnet: 10.1.0.0/16
  serviceSubnet: 10.2.0.0/16
  disableDefaultCNI: true
  kubeProxyMode: none
  dnsSearch: [a.example, b.example]
featureGates: {SomeGate: true, Other: false}
runtimeConfig: {"api/alpha": "false", "batch/v1": true}
kubeadmConfigPatches: ["kind: KubeletConfiguration\\n"]
kubeadmConfigPatchesJSON6902:
- {group: kubeadm.k8s.io, version: v1beta3, kind: ClusterConfiguration, patch: "[]"}
containerdConfigPatches: []
`,
    {
      networking: {
        podNetwork: "POD_NETWORK_NONE",
        podSubnet: "10.1.0.0/16",
        serviceSubnet: "10.2.0.0/16",
        kubeProxyMode: "KUBE_PROXY_MODE_NONE",
        apiServerAddress: "127.0.0.1",
        apiServerPort: 6443,
        dnsSearch: ["a.example", "b.example"],
      },
      featureGates: { SomeGate: true, Other: false },
      runtimeConfig: { "api/alpha": "false", "batch/v1": "true" },
      kubeadmConfigPatches: ["kind: KubeletConfiguration\n"],
      kubeadmConfigJsonPatches: [
        { group: "kubeadm.k8s.io", version: "v1beta3", kind: "ClusterConfiguration", patch: "[]" },
      ],
    },
  ],
  ["fields that are there and empty", "nodes:\nnetworking:\nfeatureGates:\n", { networking: {} }],
];

for (const [what, yaml, spec] of MAPPED) {
  test(`a configuration of kind: ${what}`, () => assert.deepEqual(specOf(yaml), spec));
}

test("its name, kind's own where none is stated", () => {
  const name = (yaml: string): unknown => {
    const read = readNamedKindConfig(parse(HEAD + yaml));
    return Array.isArray(read) ? read : read.name;
  };
  assert.equal(name("name: dev\n"), "dev");
  assert.equal(name(""), "kind");
});

test("every problem at once, each with its path", () => {
  const problems = readKindConfig(
    parse(`kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha3
nodez: []
nodes:
- role: master
  extraPortMapping: []
  extraPortMappings: [{containerPort: 70000, protocol: tcp}]
  extraMounts: [{selinuxRelabel: true}]
  kubeadmConfigPatchesJSON6902: [{}]
- worker
networking: {ipFamily: dual, apiServerPort: "6443", kubeProxyMode: userspace, dnsSearch: a.example}
featureGates: {A: "yes"}
containerdConfigPatches: ["version = 2"]
containerdConfigPatchesJSON6902: ["[]"]
`),
  );
  assert.deepEqual(problems, [
    "apiVersion: is none of kind.x-k8s.io/v1alpha4",
    'nodez: is no field of it; did you mean "nodes"?',
    "nodes[0].role: is none of control-plane, worker",
    'nodes[0].extraPortMapping: is no field of it; did you mean "extraPortMappings"?',
    "nodes[0].extraPortMappings[0].containerPort: is not a whole number from 0 to 65535",
    "nodes[0].extraPortMappings[0].protocol: is none of TCP, UDP, SCTP",
    "nodes[0].extraMounts[0].selinuxRelabel: is not supported: label the folder on the host",
    "nodes[0].kubeadmConfigPatchesJSON6902: is not supported: write it as kubeadmConfigPatches, or for the whole cluster",
    "nodes[1]: is not a mapping",
    "networking.ipFamily: is not supported: clusters have IPv4 addresses",
    "networking.apiServerPort: is not a whole number from -1 to 65535",
    "networking.kubeProxyMode: is none of iptables, ipvs, nftables, none",
    "networking.dnsSearch: is not a list",
    'featureGates["A"]: is neither true nor false',
    "containerdConfigPatches: is not supported: containerd is configured by the node image",
    "containerdConfigPatchesJSON6902: is not supported: containerd is configured by the node image",
  ]);
});

test("a file has one configuration", () => {
  assert.equal(readKindFile(`${HEAD}name: dev\n`, "kind.yaml").name, "dev");
  for (const [content, problem] of [
    ["", "kind.yaml: one kind configuration is needed, it holds 0 documents"],
    [`${HEAD}---\n${HEAD}`, "kind.yaml: one kind configuration is needed, it holds 2 documents"],
    [
      "kind: instance\n",
      "kind.yaml: is no kind configuration: kind: Cluster and apiVersion: kind.x-k8s.io/v1alpha4 are needed",
    ],
    [`${HEAD}nodes: 1\nfoo: 2\n`, "kind.yaml: nodes: is not a list\nkind.yaml: foo: is no field of it"],
  ]) {
    assert.throws(() => readKindFile(content!, "kind.yaml"), new UsageError(problem));
  }
  assert.throws(() => readKindFile(`${HEAD}name: a\nname: b\n`, "kind.yaml"), /kind\.yaml: Map keys must be unique/);
});

test("which documents are kind's", () => {
  for (const document of [
    undefined,
    null,
    "Cluster",
    [],
    { kind: "Cluster" },
    { kind: "cluster", apiVersion: "kind.x-k8s.io/v1alpha4" },
  ]) {
    assert.equal(isKindConfig(document), false);
  }
  assert.equal(isKindConfig({ kind: "Cluster", apiVersion: "kind.x-k8s.io/v1alpha3" }), true);
});
