import { KUBERNETES_FOLDER } from "../pki/paths.ts";
import type { NodeFile } from "./node-file.ts";

const CONF_PATH = "/etc/gantry/kubelet-alone.conf";
const DROP_IN_PATH = "/etc/systemd/system/kubelet.service.d/99-gantry-alone.conf";
/** Nothing answers there. */
const NOBODY = "https://127.0.0.1:1";

/** Reads kubeadm's own variable, as every node image's kubelet does. */
const DROP_IN = `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--kubeconfig=${CONF_PATH}"
`;

/**
 * With these a kubelet brings up the pods of its own manifests and does nothing else: it finds no API, and so does not begin pods with what
 * the cluster's data still has to be rid of.
 */
export function kubeletAlone(files: readonly NodeFile[]): NodeFile[] {
  const kubeconfig = files.find(({ path }) => path === `${KUBERNETES_FOLDER}/kubelet.conf`);
  if (!kubeconfig || !("content" in kubeconfig)) throw new Error("the node has no kubeconfig for its kubelet");
  const content = kubeconfig.content.replace(/server: \S+/, `server: ${NOBODY}`);
  return [
    { path: CONF_PATH, mode: 0o600, content },
    { path: DROP_IN_PATH, mode: 0o644, content: DROP_IN },
  ];
}

/** Commands, in this order, after which it works for the cluster. */
export const END_KUBELET_ALONE: readonly string[][] = [
  ["rm", "--force", DROP_IN_PATH, CONF_PATH],
  ["systemctl", "daemon-reload"],
  ["systemctl", "restart", "kubelet"],
];
