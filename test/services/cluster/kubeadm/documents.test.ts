import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { KubeProxyMode } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { kubeadmDocuments } from "../../../../services/cluster/kubeadm/documents.ts";
import type { KubeadmOptions } from "../../../../services/cluster/kubeadm/options.ts";
import type { Patches } from "../../../../services/cluster/kubeadm/patches.ts";
import { kubeadmFile, renderDocuments } from "../../../../services/cluster/kubeadm/render.ts";
import { kubeadmOptions, WORKER } from "./support.ts";

const GIB = 2 ** 30;

/** Named as the file in `expected/` that holds the whole configuration. */
const CASES: [file: string, options: KubeadmOptions, patches: Patches[]][] = [
  ["v1beta2-single", kubeadmOptions("v1.20.2"), []],
  [
    "v1beta2-worker",
    kubeadmOptions(
      "v1.22.17",
      {
        workers: true,
        featureGates: { B: false, A: true },
        runtimeConfig: { "batch/v2alpha1": "true", "api/beta": "false" },
      },
      {
        ...WORKER,
        labels: { zone: "a", "node-role.kubernetes.io/worker": "" },
        taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }],
        cpuMillis: 1500,
        memoryBytes: 2 * GIB,
      },
    ),
    [],
  ],
  [
    "v1beta3-control-plane2",
    kubeadmOptions(
      "v1.31.0",
      {
        workers: true,
        kubeProxyMode: KubeProxyMode.KUBE_PROXY_MODE_NFTABLES,
        apiNames: ["localhost", "127.0.0.1", "10.208.0.2"],
      },
      { name: "dev-control-plane2", containerName: "dev-control-plane2", address: "10.208.0.4", memoryBytes: GIB },
    ),
    [],
  ],
  [
    "v1beta3-patched",
    kubeadmOptions("v1.30.4", { kubeProxyMode: KubeProxyMode.KUBE_PROXY_MODE_NONE }),
    [
      {
        merge: [
          "kind: ClusterConfiguration\napiServer:\n  certSANs: [api.example.org, localhost]\n  extraArgs:\n    audit-log-path: '-'\nscheduler:\n  extraArgs:\n    v: '4'\n",
          "kind: KubeletConfiguration\nfailSwapOn: yes\nevictionHard: null\n---\nkind: InitConfiguration\nnodeRegistration:\n  kubeletExtraArgs:\n    node-labels: ingress-ready=true\n",
          "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: not-for-this-version\n",
          "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nimageRepository: registry.example.org\n",
        ],
        json: [
          {
            group: "kubeadm.k8s.io",
            version: "",
            kind: "ClusterConfiguration",
            patch:
              '[{"op":"add","path":"/apiServer/certSANs/-","value":"last.example.org"},{"op":"replace","path":"/networking/dnsDomain","value":"cluster.test"}]',
          },
        ],
      },
      { merge: ["kind: KubeletConfiguration\nmaxPods: 42\n"], json: [] },
    ],
  ],
  [
    "v1beta4-control-plane",
    kubeadmOptions(
      "v1.36.1",
      {
        workers: true,
        cgroupV1: true,
        featureGates: { Alpha: true },
        kubeProxyMode: KubeProxyMode.KUBE_PROXY_MODE_IPVS,
        flags: { etcd: { "unsafe-no-fsync": "true" }, kubelet: { v: "2" } },
        kubelet: { nodeStatusReportFrequency: "10s" },
      },
      { taints: [{ key: "node-role.kubernetes.io/control-plane", value: "", effect: "NoSchedule" }] },
    ),
    [
      {
        // As a map, as it was before this version, and as a list.
        merge: [
          "kind: ClusterConfiguration\napiServer:\n  extraArgs:\n    feature-gates: Alpha=false\n    v: '2'\n",
          "kind: InitConfiguration\nnodeRegistration:\n  kubeletExtraArgs:\n  - name: v\n    value: '9'\n  - name: node-ip\n",
        ],
        json: [],
      },
    ],
  ],
];

for (const [file, options, patches] of CASES) {
  test(`kubeadm's configuration: ${file}`, async () => {
    const expected = await readFile(join(import.meta.dirname, "expected", `${file}.yaml`), "utf8");
    const rendered = renderDocuments(kubeadmDocuments(options, patches));
    assert.equal(rendered, expected);
    assert.equal(renderDocuments(kubeadmDocuments(structuredClone(options), patches)), rendered);
  });
}

test("the file that kind's tools look for, readable by root alone as it holds a token", () => {
  const { path, mode, content } = kubeadmFile(kubeadmDocuments(kubeadmOptions("v1.31.0")));
  assert.deepEqual([path, mode], ["/kind/kubeadm.conf", 0o600]);
  assert.equal(content, renderDocuments(kubeadmDocuments(kubeadmOptions("v1.31.0"))));
});

test("taints of control planes by version, none without workers", () => {
  const taints = (version: string, workers: boolean): unknown => {
    const init = kubeadmDocuments(kubeadmOptions(version, { workers })).find(
      ({ kind }) => kind === "InitConfiguration",
    );
    return (init!["nodeRegistration"] as { taints: { key: string }[] }).taints.map(({ key }) => key);
  };
  assert.deepEqual(taints("v1.23.17", true), ["node-role.kubernetes.io/master"]);
  assert.deepEqual(taints("v1.24.17", true), [
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/control-plane",
  ]);
  assert.deepEqual(taints("v1.25.0", true), ["node-role.kubernetes.io/control-plane"]);
  assert.deepEqual(taints("v1.25.0", false), []);
});

test("what a version cannot do is refused", () => {
  const nftables = { kubeProxyMode: KubeProxyMode.KUBE_PROXY_MODE_NFTABLES };
  assert.throws(() => kubeadmDocuments(kubeadmOptions("v1.14.0", nftables)), {
    message:
      "Kubernetes v1.14.0 is older than v1.15, the oldest that can be set up; kube-proxy of Kubernetes v1.14.0 has no mode nftables: it came with v1.29",
  });
  const proxy = kubeadmDocuments(kubeadmOptions("v1.29.0", nftables)).find(
    ({ kind }) => kind === "KubeProxyConfiguration",
  );
  assert.deepEqual(proxy?.["featureGates"], { NFTablesProxyMode: true });
});
