const CONFIG = ["--config", "/kind/kubeadm.conf"];

/** Phases of the image's own kubeadm: whatever they write is right for its version. */
export function initPhase(...phase: string[]): string[] {
  return ["kubeadm", "init", "phase", ...phase, ...CONFIG];
}

/** The token by which nodes may join. It is not printed: what a command that fails has written comes into the error. */
export const WRITE_TOKEN = [...initPhase("bootstrap-token"), "--skip-token-print"];

/** Of a control plane that begins a cluster together with others. */
export const ETCD_CONFIG_PATH = "/kind/etcd-members.conf";

/** etcd of one of several control planes that begin together. */
export const BEGIN_ETCD = ["kubeadm", "init", "phase", "etcd", "local", "--config", ETCD_CONFIG_PATH];

export const START_KUBELET = ["systemctl", "start", "kubelet"];
export const STOP_KUBELET = ["systemctl", "stop", "kubelet"];
export const LIST_IMAGES = ["ctr", "--namespace", "k8s.io", "images", "list", "--quiet"];

/** Applies what stands in a file of the node. */
export function applyFile(path: string): string[] {
  return ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "apply", "--filename", path];
}
