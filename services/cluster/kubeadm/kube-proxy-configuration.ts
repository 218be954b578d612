import { KubeProxyMode } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { sorted, unlessEmpty } from "./flags.ts";
import type { KubeadmOptions } from "./options.ts";
import { isAtLeast } from "./version.ts";

const MODES: Partial<Record<KubeProxyMode, string>> = {
  [KubeProxyMode.KUBE_PROXY_MODE_IPVS]: "ipvs",
  [KubeProxyMode.KUBE_PROXY_MODE_NFTABLES]: "nftables",
};

/** Of every kube-proxy; kept in the cluster as config map `kube-proxy`. */
export function kubeProxyConfiguration({
  version,
  featureGates,
  kubeProxyMode,
}: KubeadmOptions): Record<string, unknown> {
  const mode = MODES[kubeProxyMode] ?? "iptables";
  // Off by default until 1.31.
  const gate = mode === "nftables" && !isAtLeast(version, 1, 31) ? { NFTablesProxyMode: true } : {};
  return {
    mode,
    ...unlessEmpty("featureGates", Object.fromEntries(sorted({ ...gate, ...featureGates }))),
    // A change of a service is there a second later at most.
    ...(mode === "nftables" ? { nftables: { minSyncPeriod: "1s" } } : { iptables: { minSyncPeriod: "1s" } }),
    // The limit is the host's, not a node's to set.
    conntrack: { maxPerCore: 0 },
  };
}
