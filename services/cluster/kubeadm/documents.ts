import { KubeProxyMode } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { clusterConfiguration } from "./cluster-configuration.ts";
import { kubeProxyConfiguration } from "./kube-proxy-configuration.ts";
import { kubeletConfiguration } from "./kubelet-configuration.ts";
import { initConfiguration, joinConfiguration } from "./node-registration.ts";
import type { KubeadmOptions } from "./options.ts";
import { type Patches, patchDocuments } from "./patches.ts";
import { isAtLeast, kubeadmApi, tooOld } from "./version.ts";

/** One document of kubeadm's configuration. */
export interface Document {
  apiVersion: string;
  kind: string;
  [field: string]: unknown;
}

/**
 * kubeadm's configuration of one node, patched: what the cluster is, and how this node begins or joins it. Every node has all documents, so
 * that every patch finds what it is for. The same options give the same documents in the same order.
 */
export function kubeadmDocuments(options: KubeadmOptions, patches: readonly Patches[] = []): Document[] {
  const problems = versionProblems(options);
  if (problems.length > 0) throw new Error(problems.join("; "));
  const api = `kubeadm.k8s.io/${kubeadmApi(options.version)}`;
  const documents: Document[] = [
    { apiVersion: api, kind: "ClusterConfiguration", ...clusterConfiguration(options) },
    { apiVersion: api, kind: "InitConfiguration", ...initConfiguration(options) },
    { apiVersion: api, kind: "JoinConfiguration", ...joinConfiguration(options) },
    { apiVersion: "kubelet.config.k8s.io/v1beta1", kind: "KubeletConfiguration", ...kubeletConfiguration(options) },
    ...(options.kubeProxyMode === KubeProxyMode.KUBE_PROXY_MODE_NONE
      ? []
      : [
          {
            apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
            kind: "KubeProxyConfiguration",
            ...kubeProxyConfiguration(options),
          },
        ]),
  ];
  return patches.reduce(patchDocuments, documents);
}

/** What a version cannot do of what is wanted. */
function versionProblems({ version, kubeProxyMode }: KubeadmOptions): string[] {
  const old = tooOld(version);
  const problems = old === undefined ? [] : [old];
  if (kubeProxyMode === KubeProxyMode.KUBE_PROXY_MODE_NFTABLES && !isAtLeast(version, 1, 29)) {
    problems.push(`kube-proxy of Kubernetes ${version.text} has no mode nftables: it came with v1.29`);
  }
  return problems;
}
