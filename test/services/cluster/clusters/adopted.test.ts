import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type Docker from "dockerode";
import { KubeProxyMode, PowerState } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { NodeRole } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import { adoptedRecords, type KubeadmFacts } from "../../../../services/cluster/clusters/adopted.ts";
import { clusterNameOf, engineNameOfCluster } from "../../../../services/cluster/clusters/names.ts";
import { factsOfFile } from "../../../../services/cluster/kubeadm/facts-of-file.ts";
import { clusterOfContainer, isContainerOf } from "../../../../services/cluster/nodes/own-container.ts";
import { identityLabels, KIND_INSTANCE, KIND_NODE } from "../../../../services/common/engine/labels.ts";

type Raw = Docker.ContainerInspectInfo;

function container(
  name: string,
  role: string,
  more: { state?: object; host?: object; ports?: object; mounts?: object[] } = {},
): Raw {
  return {
    Id: `id-${name}`,
    Name: `/${name}`,
    State: { Running: true, Paused: false, ...more.state },
    Config: {
      Image: "kindest/node:v1",
      Hostname: name,
      Labels: { "io.x-k8s.kind.cluster": "dev", "io.x-k8s.kind.role": role },
    },
    HostConfig: { PortBindings: null, ...more.host },
    NetworkSettings: { Ports: more.ports ?? {}, Networks: { kind: { IPAddress: "172.18.0.2" } } },
    Mounts: more.mounts ?? [],
  } as unknown as Raw;
}

const API = { PortBindings: { "6443/tcp": [{ HostIp: "127.0.0.1", HostPort: "41000" }] } };
const CONTROL_PLANE = container("dev-control-plane", "control-plane", { host: API });

function records(containers: Raw[], kubeadm: KubeadmFacts = {}, name = "projects/default/clusters/dev") {
  return adoptedRecords({ name, host: "h", containers, kubeadm });
}

describe("records of a cluster that kind made", () => {
  test("nodes in order, told by their containers' ids, with nothing reserved but what kind gave", () => {
    const { cluster, nodes } = records([
      container("dev-worker2", "worker"),
      container("dev-worker", "worker", { host: { NanoCpus: 1.5e9, Memory: 1024 ** 3 } }),
      CONTROL_PLANE,
    ]);
    assert.deepEqual(
      nodes.map(({ meta, spec, status }) => [meta!.name.split("/").at(-1), spec!.role, status!.containerId]),
      [
        ["dev-control-plane", NodeRole.NODE_ROLE_CONTROL_PLANE, "id-dev-control-plane"],
        ["dev-worker", NodeRole.NODE_ROLE_WORKER, "id-dev-worker"],
        ["dev-worker2", NodeRole.NODE_ROLE_WORKER, "id-dev-worker2"],
      ],
    );
    assert.deepEqual([nodes[1]!.spec!.cpuMillis, nodes[1]!.spec!.memoryBytes], [1500n, 1024n ** 3n]);
    for (const { reservation } of nodes) assert.deepEqual([reservation!.ipv4, reservation!.podCidr], ["", ""]);
    const { subnet, apiIpv4, apiPort, endpointName } = cluster.reservation!;
    assert.deepEqual([subnet, apiIpv4, apiPort, endpointName], ["", "", 41000, "dev-control-plane"]);
    assert.deepEqual([cluster.status!.adopted, cluster.status!.network], [true, "kind"]);
  });

  test("ports but the API's, and mounts but kind's own", () => {
    const host = {
      PortBindings: {
        ...API.PortBindings,
        "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }],
        "53/udp": [{ HostPort: "0" }],
      },
    };
    const ports = { "53/udp": [{ HostIp: "0.0.0.0", HostPort: "32768" }] };
    const mounts = [
      { Type: "bind", Source: "/lib/modules", Destination: "/lib/modules", RW: false },
      { Type: "volume", Source: "/x", Destination: "/var", RW: true },
      { Type: "bind", Source: "/srv", Destination: "/data", RW: false },
    ];
    const { nodes } = records([container("dev-control-plane", "control-plane", { host, ports, mounts })]);
    const { spec } = nodes[0]!;
    assert.deepEqual(
      spec!.ports.map(({ hostIp, hostPort, port, protocol }) => [hostIp, hostPort, port, protocol]),
      [
        ["0.0.0.0", 8080, 80, "tcp"],
        ["", 32768, 53, "udp"],
      ],
    );
    assert.deepEqual(
      spec!.mounts.map(({ hostPath, containerPath, readOnly }) => [hostPath, containerPath, readOnly]),
      [["/srv", "/data", true]],
    );
  });

  const powers: [string, object[], PowerState][] = [
    ["one runs", [{ Running: true }, { Running: false }], PowerState.POWER_STATE_RUNNING],
    ["none runs", [{ Running: false }, { Running: false }], PowerState.POWER_STATE_STOPPED],
    ["all are paused", [{ Paused: true }, { Paused: true }], PowerState.POWER_STATE_PAUSED],
  ];
  for (const [title, [first, second], expected] of powers) {
    test(`power where ${title}`, () => {
      const { cluster } = records([
        container("dev-control-plane", "control-plane", { state: first! }),
        container("dev-worker", "worker", { state: second! }),
      ]);
      assert.equal(cluster.spec!.power, expected);
    });
  }

  test("of another project: kind's name has the project in front", () => {
    const { nodes } = records([container("team.dev-control-plane", "control-plane")], {}, "projects/team/clusters/dev");
    assert.equal(nodes[0]!.meta!.name, "projects/team/clusters/dev/nodes/dev-control-plane");
    assert.equal(nodes[0]!.reservation!.kubernetesName, "team.dev-control-plane");
  });
});

const FILE = `apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
networking: { podSubnet: "fd00:10:244::/56,10.1.0.0/16", serviceSubnet: 10.2.0.0/16 }
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ipvs
`;
const files: [string, string, KubeadmFacts][] = [
  [
    "with two families",
    FILE,
    { podSubnet: "10.1.0.0/16", serviceSubnet: "10.2.0.0/16", dnsDomain: undefined, proxyMode: "ipvs" },
  ],
  [
    "without a proxy",
    "kind: ClusterConfiguration\n",
    { podSubnet: undefined, serviceSubnet: undefined, dnsDomain: undefined, proxyMode: undefined },
  ],
  [
    "that is none",
    "{{{",
    { podSubnet: undefined, serviceSubnet: undefined, dnsDomain: undefined, proxyMode: undefined },
  ],
];
for (const [title, text, expected] of files) {
  test(`facts of a configuration ${title}`, () => assert.deepEqual(factsOfFile(text), expected));
}

test("what the configuration says goes into the spec", () => {
  const { podSubnet, serviceSubnet, dnsDomain, kubeProxyMode, apiServerPort } = records(
    [CONTROL_PLANE],
    factsOfFile(FILE),
  ).cluster.spec!.networking!;
  assert.deepEqual(
    [podSubnet, serviceSubnet, dnsDomain, kubeProxyMode, apiServerPort],
    ["10.1.0.0/16", "10.2.0.0/16", "cluster.local", KubeProxyMode.KUBE_PROXY_MODE_IPVS, 41000],
  );
});

describe("whose a container is", () => {
  const [node] = records([CONTROL_PLANE]).nodes;
  node!.meta!.uid = "u";
  const ours = identityLabels({ name: "projects/p/clusters/c/nodes/c-worker", uid: "u", kind: KIND_NODE });

  test("by the uid on its labels, else by its id", () => {
    assert.equal(isContainerOf(node!, "another", ours), true);
    assert.equal(isContainerOf({ ...node!, meta: { ...node!.meta!, uid: "v" } }, "id-dev-control-plane", ours), false);
    assert.equal(isContainerOf(node!, "id-dev-control-plane", {}), true);
    assert.equal(isContainerOf(node!, "another", {}), false);
  });

  test("of which cluster", () => {
    assert.equal(clusterOfContainer(ours), "projects/p/clusters/c");
    assert.equal(clusterOfContainer({ "io.x-k8s.kind.cluster": "dev" }), "projects/default/clusters/dev");
    assert.equal(clusterOfContainer(identityLabels({ name: "n", uid: "u", kind: KIND_INSTANCE })), undefined);
    assert.equal(clusterOfContainer({}), undefined);
  });

  for (const name of ["projects/default/clusters/dev", "projects/default/clusters/d", "projects/team/clusters/dev"]) {
    test(`${name} by its name on the engine`, () => assert.equal(clusterNameOf(engineNameOfCluster(name)), name));
  }
});
