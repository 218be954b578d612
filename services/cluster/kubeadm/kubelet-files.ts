import { formatIpv4, parseRange } from "../../common/network/cidr.ts";
import type { RegularFile } from "../nodes/node-file.ts";
import { PKI_FOLDER } from "../pki/paths.ts";
import { certificateFacts } from "./facts.ts";
import type { Document } from "./documents.ts";
import { mergeInto } from "./merge-patch.ts";
import { registrationOf } from "./registration.ts";
import { renderDocument } from "./render.ts";
import { isAtLeast, type KubernetesVersion } from "./version.ts";

const FOLDER = "/var/lib/kubelet";
/** Of a service subnet: the address of the cluster's DNS. */
const DNS_ADDRESS = 10;

/**
 * What kubeadm writes for a kubelet when a node begins a cluster or joins it (its phase `kubelet-start`), made from its configuration, so
 * that kubelets start without it. `first`: on the node that begins the cluster.
 */
export function kubeletFiles(
  documents: readonly Document[],
  options: { version: KubernetesVersion; first: boolean },
): RegularFile[] {
  return [
    { path: `${FOLDER}/config.yaml`, mode: 0o644, content: renderDocument(kubeletConfig(documents)) },
    { path: `${FOLDER}/kubeadm-flags.env`, mode: 0o644, content: flagsFile(documents, options) },
  ];
}

/** With kubeadm's own defaults, where nobody stated another value. */
function kubeletConfig(documents: readonly Document[]): Document {
  const stated = required(documents, "KubeletConfiguration");
  const { serviceSubnet, dnsDomain } = certificateFacts(documents);
  const dns = parseRange(serviceSubnet);
  if (!dns) throw new Error(`${serviceSubnet} is no IPv4 range`);
  const defaults = {
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${PKI_FOLDER}/ca.crt` },
    },
    authorization: { mode: "Webhook" },
    clusterDNS: [formatIpv4(dns.first + DNS_ADDRESS)],
    clusterDomain: dnsDomain,
    healthzBindAddress: "127.0.0.1",
    healthzPort: 10248,
    staticPodPath: "/etc/kubernetes/manifests",
  };
  return { ...stated, ...mergeInto(defaults, stated, stated.apiVersion), rotateCertificates: true };
}

function flagsFile(
  documents: readonly Document[],
  { version, first }: { version: KubernetesVersion; first: boolean },
): string {
  const { criSocket, taints, flags: stated } = registrationOf(documents, first);
  const register = taints
    .map(({ key, value, effect }) => `${key}${value === undefined ? "" : `=${value}`}:${effect}`)
    .join(",");
  const flags = {
    ...(isAtLeast(version, 1, 24) ? {} : { "container-runtime": "remote" }),
    "container-runtime-endpoint": criSocket,
    ...(register === "" ? {} : { "register-with-taints": register }),
    ...stated,
  };
  const line = Object.entries(flags)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `--${name}=${value}`)
    .join(" ");
  return `KUBELET_KUBEADM_ARGS=${JSON.stringify(line)}\n`;
}

function required(documents: readonly Document[], kind: string): Document {
  const found = documents.find((document) => document.kind === kind);
  if (!found) throw new Error(`there is no ${kind}`);
  return found;
}
