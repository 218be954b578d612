import assert from "node:assert/strict";
import { test } from "node:test";
import { ClusterSpec } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { checkNodeNames } from "../../../../services/cluster/clusters/check-names.ts";
import { checkSpec } from "../../../../services/cluster/clusters/check-spec.ts";
import { withDefaults } from "../../../../services/cluster/clusters/defaults.ts";
import { planNodes } from "../../../../services/cluster/clusters/plan-nodes.ts";
import { Violations } from "../../../../services/common/names/violations.ts";
import { parseRange } from "../../../../services/common/network/cidr.ts";

const MIB = 1n << 20n;
const range = (text: string) => parseRange(text)!;
const RULES = {
  subnets: range("10.208.0.0/12"),
  routes: [range("192.168.7.0/24"), range("10.64.0.0/16")],
  addresses: ["127.0.0.1", "192.168.7.5"],
  cpuMillis: 4_000n,
  memoryBytes: 8_192n * MIB,
};
const DEFAULTS = { nodeImage: "kindest/node:v1.31.0", host: "host-a" };

type Input = Record<string, unknown>;
const specOf = (input: Input) => withDefaults(ClusterSpec.fromPartial(input as never), DEFAULTS);

/** Fields that are wrong, without the common beginning. */
function wrong(input: Input): string[] {
  const found = new Violations();
  checkSpec(found, specOf(input), RULES);
  return found.list.map(({ field }) => field.replace(/^cluster\.spec\.?/, ""));
}

const CONTROL_PLANE = { spec: { role: 1 } };
/** One control plane, which is as given. */
const node = (spec: Input, count = 1): Input => ({ nodeGroups: [{ count, spec: { role: 1, ...spec } }] });
const net = (networking: Input): Input => ({ networking });
const port = (value: Input): Input => ({ hostIp: "", hostPort: 0, port: 80, protocol: "", ...value });
const mount = (value: Input): Input => ({ hostPath: "/data", containerPath: "/mnt/data", ...value });
const many = (count: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`K${i}`, value]));
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
const MERGE = "kind: KubeletConfiguration\nmaxPods: 20\n";

const good: [string, Input][] = [
  ["nothing", {}],
  [
    "three control planes and workers",
    {
      nodeGroups: [
        { count: 3, spec: { role: 1 } },
        { count: 97, spec: {} },
      ],
    },
  ],
  ["a digest", { image: `kindest/node:v1.31.0@sha256:${"a".repeat(64)}` }],
  ["feature gates", { featureGates: many(64, true) }],
  ["runtime configuration", { runtimeConfig: { "api/alpha": "false", "apps/v1": "true", "batch/v1/jobs": "" } }],
  ["patches", { kubeadmConfigPatches: [MERGE, `${MERGE}---\nkind: ClusterConfiguration\n`] }],
  ["JSON patches", { kubeadmConfigJsonPatches: [{ kind: "", patch: '[{"op":"add","path":"/a/-","value":1}]' }] }],
  [
    "a JSON patch in YAML",
    { kubeadmConfigJsonPatches: [{ kind: "InitConfiguration", patch: "- op: remove\n  path: /a" }] },
  ],
  ["subnets", net({ podSubnet: "172.20.0.0/16", serviceSubnet: "172.21.0.0/20" })],
  ["an address of the host", net({ apiServerAddress: "192.168.7.5", apiServerPort: 6443 })],
  ["DNS", net({ dnsSearch: ["a.example", "b"], dnsDomain: "k8s.example" })],
  ["limits", node({ cpuMillis: 100n, memoryBytes: 512n * MIB })],
  ["labels", node({ labels: { "node-role.kubernetes.io/infra": "", tier: "web" } })],
  [
    "taints",
    node({
      taints: [
        { key: "a/b", value: "c", effect: "NoSchedule" },
        { key: "a/b", effect: "NoExecute" },
      ],
    }),
  ],
  ["mounts", node({ mounts: [mount({}), mount({ containerPath: "/var/local", readOnly: true, propagation: 3 })] })],
  ["devices", node({ devices: ["nvidia.com/gpu=0", "nvidia.com/gpu=all"] })],
  [
    "the same port on two addresses and protocols",
    node({
      ports: [
        port({ hostPort: 80 }),
        port({ hostPort: 80, hostIp: "192.168.7.5" }),
        port({ hostPort: 80, protocol: "udp" }),
      ],
    }),
  ],
  ["any free port on every node", { nodeGroups: [CONTROL_PLANE, { count: 3, spec: { ports: [port({})] } }] }],
];
for (const [what, input] of good) test(`good: ${what}`, () => assert.deepEqual(wrong(input), []));

const bad: [string, Input, string[]][] = [
  ["an image that is no reference", { image: "Not An Image" }, ["image"]],
  ["power", { power: 2 }, ["power"]],
  ["a host's id", { host: "Host" }, ["host"]],
  ["two control planes", node({}, 2), ["node_groups"]],
  ["nine control planes", node({}, 9), ["node_groups"]],
  ["workers alone", { nodeGroups: [{ count: 1, spec: {} }] }, ["node_groups"]],
  ["101 nodes", { nodeGroups: [CONTROL_PLANE, { count: 100, spec: {} }] }, ["node_groups"]],
  ["a negative count", { nodeGroups: [CONTROL_PLANE, { count: -1, spec: {} }] }, ["node_groups[1].count"]],
  ["too many groups", { nodeGroups: times(101, CONTROL_PLANE) }, ["node_groups"]],
  ["too many gates", { featureGates: many(65, true) }, ["feature_gates"]],
  ["a gate's name", { featureGates: { "no gate": true } }, ['feature_gates["no gate"]']],
  [
    "runtime configuration",
    { runtimeConfig: { "a b": "true", "apps/v1": "yes" } },
    ['runtime_config["a b"]', 'runtime_config["apps/v1"]'],
  ],
  ["too many patches", { kubeadmConfigPatches: times(17, MERGE) }, ["kubeadm_config_patches"]],
  ["no YAML", { kubeadmConfigPatches: [MERGE, "{"] }, ["kubeadm_config_patches[1]"]],
  ["no mapping", { kubeadmConfigPatches: ["[]"] }, ["kubeadm_config_patches[0]"]],
  ["another kind", { kubeadmConfigPatches: ["kind: Pod"] }, ["kubeadm_config_patches[0]"]],
  ["a long patch", { kubeadmConfigPatches: [`kind: ${"x".repeat(65 * 1024)}`] }, ["kubeadm_config_patches[0]"]],
  [
    "JSON patches",
    {
      kubeadmConfigJsonPatches: [{ kind: "Pod", patch: "[]" }, { patch: "{}" }, { patch: '[{"op":"add","path":"x"}]' }],
    },
    ["[0].kind", "[1].patch", "[2].patch"].map((at) => `kubeadm_config_json_patches${at}`),
  ],
  ["a NUL byte", { kubeadmConfigPatches: ["a\0b"] }, ["kubeadm_config_patches[0]"]],
  [
    "no ranges",
    net({ podSubnet: "10.244.0.0", serviceSubnet: "x" }),
    ["networking.pod_subnet", "networking.service_subnet"],
  ],
  ["bits beyond the prefix", net({ podSubnet: "10.244.0.1/16" }), ["networking.pod_subnet"]],
  ["each other's range", net({ podSubnet: "10.96.0.0/15" }), ["networking.service_subnet"]],
  ["clusters' own range", net({ podSubnet: "10.210.0.0/16" }), ["networking.pod_subnet"]],
  ["the host's routes", net({ serviceSubnet: "10.64.0.0/16" }), ["networking.service_subnet"]],
  ["no room for the nodes", { ...net({ podSubnet: "172.20.0.0/23" }), ...node({}, 3) }, ["networking.pod_subnet"]],
  ["no room for any node", net({ podSubnet: "172.20.0.0/25" }), ["networking.pod_subnet"]],
  ["sizes of the services' range", net({ serviceSubnet: "172.16.0.0/11" }), ["networking.service_subnet"]],
  ["every address", net({ apiServerAddress: "0.0.0.0" }), ["networking.api_server_address"]],
  ["an address of another host", net({ apiServerAddress: "192.168.7.6" }), ["networking.api_server_address"]],
  ["a port of the API", net({ apiServerPort: 65_536 }), ["networking.api_server_port"]],
  [
    "an address of the host for several control planes",
    { ...net({ apiServerAddress: "192.168.7.5" }), ...node({}, 3) },
    ["networking.api_server_address"],
  ],
  [
    "a port for several control planes",
    { ...net({ apiServerPort: 6443 }), ...node({}, 3) },
    ["networking.api_server_port"],
  ],
  [
    "unknown values",
    net({ podNetwork: 9, kubeProxyMode: -1 }),
    ["networking.pod_network", "networking.kube_proxy_mode"],
  ],
  ["DNS", net({ dnsSearch: ["A.b"], dnsDomain: "-" }), ["networking.dns_search[0]", "networking.dns_domain"]],
  ["search domains", net({ dnsSearch: times(7, "a") }), ["networking.dns_search"]],
  ["a role", node({ role: 7 }), ["node_groups[0].spec.role", "node_groups"]],
  ["small limits", node({ cpuMillis: 99n, memoryBytes: MIB }), ["cpu_millis", "memory_bytes"].map(inNode)],
  ["large limits", node({ cpuMillis: 4_001n, memoryBytes: 9_000n * MIB }), ["cpu_millis", "memory_bytes"].map(inNode)],
  ["labels", node({ labels: { "a b": "", c: "d e" } }), ['labels["a b"]', 'labels["c"]'].map(inNode)],
  [
    "taints",
    node({
      taints: [
        { key: "", effect: "NoSchedule" },
        { key: "a", effect: "Never" },
        { key: "a", effect: "Never" },
      ],
    }),
    ["taints[0].key", "taints[1].effect", "taints[2].effect", "taints[2]"].map(inNode),
  ],
  [
    "mounts",
    node({
      mounts: [
        mount({ hostPath: "data" }),
        mount({ containerPath: "/a/../b" }),
        mount({ containerPath: "/var" }),
        mount({}),
        mount({ propagation: 9 }),
      ],
    }),
    [
      "mounts[0].host_path",
      "mounts[1].container_path",
      "mounts[2].container_path",
      "mounts[3].container_path",
      "mounts[4].container_path",
      "mounts[4].propagation",
    ].map(inNode),
  ],
  [
    "ports",
    node({ ports: [port({ port: 0 }), port({ hostPort: -1 }), port({ protocol: "icmp" }), port({ hostIp: "x" })] }),
    ["ports[0].port", "ports[1].host_port", "ports[2].protocol", "ports[3].host_ip"].map(inNode),
  ],
  [
    "one port twice",
    node({ ports: [port({ hostPort: 80 }), port({ hostPort: 80, hostIp: "0.0.0.0", port: 81 })] }),
    [inNode("ports[1].host_port")],
  ],
  [
    "a port on two nodes, and the API's",
    {
      ...net({ apiServerPort: 6443 }),
      nodeGroups: [
        CONTROL_PLANE,
        { count: 2, spec: { ports: [port({ hostPort: 80 })] } },
        { count: 1, spec: { ports: [port({ hostPort: 6443 })] } },
      ],
    },
    ["node_groups[1].spec.ports[0].host_port", "node_groups[2].spec.ports[0].host_port"],
  ],
  ["devices", node({ devices: ["gpu0"] }), [inNode("devices[0]")]],
  [
    "too many",
    node({
      devices: times(65, "a.b/c=0"),
      mounts: times(33, mount({})),
      taints: times(33, {}),
      ports: times(65, port({})),
    }),
    ["taints", "mounts", "ports", "devices"].map(inNode),
  ],
  [
    "too much in all",
    { nodeGroups: [CONTROL_PLANE, { count: 20, spec: { kubeadmConfigPatches: [`${MERGE}# ${"x".repeat(60_000)}`] } }] },
    [""],
  ],
];
for (const [what, input, fields] of bad) {
  test(`bad: ${what}`, () => assert.deepEqual(wrong(input).toSorted(), fields.toSorted()));
}

function inNode(field: string): string {
  return `node_groups[0].spec.${field}`;
}

test("for another host nothing is said of this one", () => {
  const found = new Violations();
  checkSpec(found, specOf({ ...net({ podSubnet: "10.64.0.0/16" }), ...node({ cpuMillis: 64_000n }) }), undefined);
  assert.deepEqual(found.list, []);
});

test("names of nodes follow kind's; those that are too long are refused, by the longest", () => {
  const spec = specOf({
    nodeGroups: [
      { count: 3, spec: { role: 1 } },
      { count: 2, spec: {} },
    ],
  });
  const ids = planNodes("dev", spec.nodeGroups).map(({ id }) => id);
  assert.deepEqual(ids, ["dev-control-plane", "dev-control-plane2", "dev-control-plane3", "dev-worker", "dev-worker2"]);
  const added = planNodes("dev", [spec.nodeGroups[1]!], new Set(["dev-worker", "dev-worker3"])).map(({ id }) => id);
  assert.deepEqual(added, ["dev-worker2", "dev-worker4"]);

  const problems = (project: string, id: string) => {
    const found = new Violations();
    const planned = planNodes(id, spec.nodeGroups).map((each) => each.id);
    checkNodeNames(found, "cluster_id", `projects/${project}/clusters/${id}`, planned);
    return found.list.map(({ field }) => field);
  };
  assert.deepEqual(problems("default", "x".repeat(25)), []);
  assert.deepEqual(problems("default", "x".repeat(26)), ["cluster_id"]);
  assert.deepEqual(problems("p".repeat(22), "x".repeat(25)), []);
  assert.deepEqual(problems("p".repeat(23), "x".repeat(25)), ["cluster_id"]);
});
