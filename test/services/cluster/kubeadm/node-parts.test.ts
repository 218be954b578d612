import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { kubeadmDocuments } from "../../../../services/cluster/kubeadm/documents.ts";
import { certificateFacts } from "../../../../services/cluster/kubeadm/facts.ts";
import { kubeletFiles } from "../../../../services/cluster/kubeadm/kubelet-files.ts";
import { ownLabels } from "../../../../services/cluster/kubeadm/labels.ts";
import { hostCapacity, reservedResources } from "../../../../services/cluster/kubeadm/reserved.ts";
import { kubeadmOptions, WORKER } from "./support.ts";

test("what pods may use is what the node's container may", () => {
  const host = hostCapacity("MemTotal:       16384000 kB\nMemFree: 1 kB\nHugetlb:         1024000 kB\n", 4);
  assert.deepEqual(host, { cpuMillis: 4000, memoryBytes: 15_360_000 * 1024 });
  for (const [cpuMillis, memoryBytes, expected] of [
    [0, 0, {}],
    [1500, 0, { cpu: "2500m" }],
    [0, 1024 ** 3, { memory: `${15_360_000 * 1024 - 1024 ** 3}` }],
    // Nothing to keep from anybody: as much as the host has, or more.
    [4000, 2 ** 50, {}],
  ] as const) {
    assert.deepEqual(reservedResources({ cpuMillis, memoryBytes }, host), expected);
  }
  assert.throws(() => hostCapacity("", 1), /states no MemTotal/);
});

test("labels that a kubelet may give its node, without those only an administrator may", () => {
  const own = {
    zone: "a",
    "example.org/x": "1",
    "node.kubernetes.io/pool": "p",
    "topology.kubernetes.io/zone": "z",
    "x.kubelet.kubernetes.io/y": "",
  };
  const others = { "node-role.kubernetes.io/worker": "", "kubernetes.io/role": "w", "k8s.io/x": "", "a.k8s.io/y": "" };
  assert.deepEqual(ownLabels({ ...own, ...others }), own);
});

test("certificates say what the patched configuration says", () => {
  const documents = kubeadmDocuments(kubeadmOptions("v1.31.0"), [
    {
      merge: [
        "kind: ClusterConfiguration\napiServer: {certSANs: [x.example]}\nnetworking: {dnsDomain: a.test}\netcd: {local: {peerCertSANs: [p.example]}}\n",
      ],
      json: [],
    },
  ]);
  assert.deepEqual(certificateFacts(documents), {
    clusterName: "dev",
    serviceSubnet: "10.96.0.0/16",
    dnsDomain: "a.test",
    apiNames: ["localhost", "127.0.0.1", "x.example"],
    etcdServerNames: [],
    etcdPeerNames: ["p.example"],
  });
  const broken = kubeadmDocuments(kubeadmOptions("v1.31.0"), [
    { merge: ["kind: ClusterConfiguration\napiServer: {certSANs: 7}\n"], json: [] },
  ]);
  assert.throws(() => certificateFacts(broken), {
    message: "ClusterConfiguration: apiServer.certSANs is not a list of DNS names and IP addresses",
  });
});

test("a kubelet's flags and configuration, of a joining node and of the first", () => {
  const options = kubeadmOptions(
    "v1.36.0",
    { workers: true },
    {
      ...WORKER,
      taints: [
        { key: "a", value: "b", effect: "NoExecute" },
        { key: "c", value: "", effect: "NoSchedule" },
      ],
    },
  );
  const patches = [
    {
      merge: [
        "kind: JoinConfiguration\nnodeRegistration: {kubeletExtraArgs: {v: '3'}}\n",
        "kind: InitConfiguration\nnodeRegistration: {kubeletExtraArgs: {v: '4'}}\n",
        "kind: KubeletConfiguration\nclusterDNS: [10.96.0.20]\nauthentication: {anonymous: {enabled: true}}\n",
      ],
      json: [],
    },
  ];
  const documents = kubeadmDocuments(options, patches);
  const [config, flags] = kubeletFiles(documents, { version: options.version, first: false });
  assert.deepEqual([config?.path, flags?.path], ["/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env"]);
  assert.equal(
    flags?.content,
    'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///run/containerd/containerd.sock --node-ip=10.208.0.3 --provider-id=kind://docker/dev/dev-worker --register-with-taints=a=b:NoExecute,c:NoSchedule --v=3"\n',
  );
  assert.match(kubeletFiles(documents, { version: options.version, first: true })[1]!.content, / --v=4"\n$/);
  const read = parse(config!.content);
  assert.deepEqual(read.clusterDNS, ["10.96.0.20"]);
  assert.deepEqual(read.authentication, {
    anonymous: { enabled: true },
    webhook: { enabled: true },
    x509: { clientCAFile: "/etc/kubernetes/pki/ca.crt" },
  });
});

test("kubelets that know Docker are given something that answers in its place", () => {
  const flags = (version: string): string => {
    const options = kubeadmOptions(version, {}, WORKER);
    return kubeletFiles(kubeadmDocuments(options), { version: options.version, first: false })[1]!.content;
  };
  assert.match(flags("v1.23.17"), /--docker=unix:\/\/\/run\/gantry\/no-docker\.sock /);
  assert.match(flags("v1.23.17"), /--container-runtime=remote /);
  assert.doesNotMatch(flags("v1.24.0"), /--docker=|--container-runtime=/);
});
