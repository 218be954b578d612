import { isIP } from "node:net";
import type { Document } from "./documents.ts";
import { isFlags } from "./flags.ts";

/** What certificates must say, as the patched configuration has it: kubeadm refuses certificates that do not fit its configuration. */
export interface CertificateFacts {
  clusterName: string;
  serviceSubnet: string;
  dnsDomain: string;
  apiNames: string[];
  etcdServerNames: string[];
  etcdPeerNames: string[];
}

/** As kubeadm takes them, one of all that is below a domain too. */
const DNS_NAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** What has flags: kubeadm would refuse to read the whole configuration. */
const COMPONENTS = [["apiServer"], ["controllerManager"], ["scheduler"], ["etcd", "local"]];

/** Throws with what is of the wrong kind. */
export function certificateFacts(documents: readonly Document[]): CertificateFacts {
  const cluster = documents.find(({ kind }) => kind === "ClusterConfiguration");
  const text = (...path: string[]): string => {
    const value = at(cluster, path);
    if (typeof value !== "string") throw new Error(`ClusterConfiguration: ${path.join(".")} is not a string`);
    return value;
  };
  const names = (...path: string[]): string[] => {
    const value = at(cluster, path) ?? [];
    const isName = (name: unknown): boolean => typeof name === "string" && (isIP(name) !== 0 || DNS_NAME.test(name));
    if (!Array.isArray(value) || !value.every(isName)) {
      throw new Error(`ClusterConfiguration: ${path.join(".")} is not a list of DNS names and IP addresses`);
    }
    return value as string[];
  };
  for (const path of COMPONENTS) {
    if (isFlags(at(cluster, [...path, "extraArgs"]) ?? {})) continue;
    const field = [...path, "extraArgs"].join(".");
    throw new Error(`ClusterConfiguration: ${field} is not a mapping or list of flags with strings as values`);
  }
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
