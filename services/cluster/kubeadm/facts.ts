import type { Document } from "./documents.ts";

/** What certificates must say, as the patched configuration has it: kubeadm refuses certificates that do not fit its configuration. */
export interface CertificateFacts {
  clusterName: string;
  serviceSubnet: string;
  dnsDomain: string;
  apiNames: string[];
  etcdServerNames: string[];
  etcdPeerNames: string[];
}

export function certificateFacts(documents: readonly Document[]): CertificateFacts {
  const cluster = documents.find(({ kind }) => kind === "ClusterConfiguration");
  const text = (...path: string[]): string => {
    const value = at(cluster, path);
    if (typeof value !== "string") throw new Error(`ClusterConfiguration: ${path.join(".")} is not a string`);
    return value;
  };
  const names = (...path: string[]): string[] => {
    const value = at(cluster, path) ?? [];
    if (!Array.isArray(value) || !value.every((name) => typeof name === "string")) {
      throw new Error(`ClusterConfiguration: ${path.join(".")} is not a list of strings`);
    }
    return value;
  };
  return {
    clusterName: text("clusterName"),
    serviceSubnet: text("networking", "serviceSubnet"),
    dnsDomain: text("networking", "dnsDomain"),
    apiNames: names("apiServer", "certSANs"),
    etcdServerNames: names("etcd", "local", "serverCertSANs"),
    etcdPeerNames: names("etcd", "local", "peerCertSANs"),
  };
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, field) => (isMap(inner) && Object.hasOwn(inner, field) ? inner[field] : undefined),
    value,
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
