/** kubeadm's own. */
export const KUBERNETES_FOLDER = "/etc/kubernetes";
export const PKI_FOLDER = `${KUBERNETES_FOLDER}/pki`;
/** Where the kubelet keeps its certificates. */
export const KUBELET_PKI_FOLDER = "/var/lib/kubelet/pki";
export const API_PORT = 6443;
