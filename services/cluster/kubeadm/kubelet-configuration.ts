import { sorted, unlessEmpty } from "./flags.ts";
import type { KubeadmOptions } from "./options.ts";
import { isAtLeast } from "./version.ts";

/** Of every kubelet of the cluster; kept in it as config map `kubelet-config`. */
export function kubeletConfiguration({
  version,
  featureGates,
  cgroupV1,
  kubelet,
}: KubeadmOptions): Record<string, unknown> {
  return {
    cgroupDriver: isAtLeast(version, 1, 24) ? "systemd" : "cgroupfs",
    cgroupRoot: "/kubelet",
    failSwapOn: false,
    // Kubelets from here on refuse to run there unless told otherwise.
    ...(cgroupV1 && isAtLeast(version, 1, 35) ? { failCgroupV1: false } : {}),
    // The disk is the host's: that it is full is nothing that a node could mend by throwing its images and pods away.
    imageGCHighThresholdPercent: 100,
    evictionHard: { "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%" },
    ...unlessEmpty("featureGates", Object.fromEntries(sorted(featureGates))),
    ...kubelet,
  };
}
