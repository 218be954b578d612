import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeProxyMode, PodNetwork } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { networkAddOns } from "../../../../services/cluster/steps/add-ons.ts";

const PROXY = { phase: ["addon", "kube-proxy"] };
const CONFIG = { phase: ["upload-config", "all"] };
const NETWORK = { manifest: "/kind/manifests/default-cni.yaml" };

test("the pod network comes as early as it can, and never before a phase of kubeadm has given the admin its rights", () => {
  const { KUBE_PROXY_MODE_IPTABLES, KUBE_PROXY_MODE_NONE } = KubeProxyMode;
  const { POD_NETWORK_IMAGE, POD_NETWORK_KERNEL } = PodNetwork;
  const cases: [KubeProxyMode, PodNetwork, object[]][] = [
    [KUBE_PROXY_MODE_IPTABLES, POD_NETWORK_IMAGE, [PROXY, NETWORK, CONFIG]],
    [KUBE_PROXY_MODE_IPTABLES, POD_NETWORK_KERNEL, [PROXY, CONFIG]],
    [KUBE_PROXY_MODE_NONE, POD_NETWORK_IMAGE, [CONFIG, NETWORK]],
    [KUBE_PROXY_MODE_NONE, POD_NETWORK_KERNEL, [CONFIG]],
  ];
  for (const [kubeProxyMode, podNetwork, expected] of cases)
    assert.deepEqual(networkAddOns({ kubeProxyMode, podNetwork }), expected);
});
