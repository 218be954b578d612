const CONFIG = ["--config", "/kind/kubeadm.conf"];

/** Phases of the image's own kubeadm: whatever they write is right for its version. */
export function initPhase(...phase: string[]): string[] {
  return ["kubeadm", "init", "phase", ...phase, ...CONFIG];
}

export const START_KUBELET = ["systemctl", "start", "kubelet"];
export const LIST_IMAGES = ["ctr", "--namespace", "k8s.io", "images", "list", "--quiet"];

/** Applies what stands in a file of the node. */
export function applyFile(path: string): string[] {
  return ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "apply", "--filename", path];
}
