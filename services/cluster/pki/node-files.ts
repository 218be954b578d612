import { isAtLeast, type KubernetesVersion } from "../kubeadm/version.ts";
import type { NodeFile } from "../nodes/node-file.ts";
import { type Authorities, trustFile } from "./authorities.ts";
import { issueLeaf } from "./certificate.ts";
import { renderKubeconfig } from "./kubeconfig.ts";
import { API_PORT, KUBELET_PKI_FOLDER, KUBERNETES_FOLDER } from "./paths.ts";

export interface NodeFilesOptions {
  version: KubernetesVersion;
  clusterName: string;
  /** Its name in Kubernetes. */
  nodeName: string;
  address: string;
  endpointName: string;
  controlPlane: boolean;
  now: Date;
}

/** The kubelet renews what this link points to by making a file and moving the link. */
const CLIENT_CERTIFICATE = `${KUBELET_PKI_FOLDER}/kubelet-client-current.pem`;

/**
 * What a node's kubelet needs to be known to the API server from its first moment: no bootstrap, no signing request. The serving
 * certificate is there too, for a kubelet without one makes RSA keys at its start.
 */
export async function nodeFiles(authorities: Authorities, options: NodeFilesOptions): Promise<NodeFile[]> {
  const { nodeName, address, clusterName, now } = options;
  const identity = { commonName: `system:node:${nodeName}`, organization: "system:nodes", now };
  const [client, server] = await Promise.all([
    issueLeaf(authorities.ca, { ...identity, uses: ["client"] }),
    issueLeaf(authorities.ca, { ...identity, uses: ["server"], names: [nodeName, address] }),
  ]);
  const stored = `${KUBELET_PKI_FOLDER}/kubelet-client-${timestamp(now)}.pem`;
  const kubeconfig = renderKubeconfig({
    clusterName,
    server: `https://${apiHost(options)}:${API_PORT}`,
    authority: authorities.ca.certificate,
    user: identity.commonName,
    credentials: { certificatePath: CLIENT_CERTIFICATE, keyPath: CLIENT_CERTIFICATE },
  });
  return [
    trustFile(authorities),
    { path: `${KUBERNETES_FOLDER}/kubelet.conf`, mode: 0o600, content: kubeconfig },
    { path: stored, mode: 0o600, content: client.certificate + client.key },
    { path: CLIENT_CERTIFICATE, target: stored },
    { path: `${KUBELET_PKI_FOLDER}/kubelet.crt`, mode: 0o644, content: server.certificate },
    { path: `${KUBELET_PKI_FOLDER}/kubelet.key`, mode: 0o600, content: server.key },
  ];
}

/** From 1.33 on kubeadm has a control plane's kubelet ask the API server next to it, which is of its own version. */
function apiHost({ version, controlPlane, address, endpointName }: NodeFilesOptions): string {
  return controlPlane && isAtLeast(version, 1, 33) ? address : endpointName;
}

/** `2026-01-31-08-05-00`, as the kubelet names its files. */
function timestamp(time: Date): string {
  return time.toISOString().slice(0, "2026-01-31T08:05:00".length).replaceAll(/[T:]/g, "-");
}
