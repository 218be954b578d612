/** kubeadm's own. */
export const KUBERNETES_FOLDER = "/etc/kubernetes";
export const PKI_FOLDER = `${KUBERNETES_FOLDER}/pki`;
export const ADMIN_CONF_PATH = `${KUBERNETES_FOLDER}/admin.conf`;
/** From 1.29 on, of the first control plane alone: its rights do not depend on what the cluster says. */
export const SUPER_ADMIN_CONF_PATH = `${KUBERNETES_FOLDER}/super-admin.conf`;
/** Where the kubelet keeps its certificates. */
export const KUBELET_PKI_FOLDER = "/var/lib/kubelet/pki";
export const API_PORT = 6443;
