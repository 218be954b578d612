import { invalidArgument } from "../../common/errors/errors.ts";
import { type KubernetesVersion, parseKubernetesVersion } from "../kubeadm/version.ts";

/**
 * Kubernetes goes to a later patch of the same minor version or to the next minor version: INVALID_ARGUMENT on `image` for a downgrade or a
 * skipped version. The same version is allowed: another image of it, and an upgrade that was interrupted is taken up so.
 */
export function checkUpgrade(present: string, target: KubernetesVersion): void {
  const from = parseKubernetesVersion(present);
  const problem = from && upgradeProblem(from, target);
  if (problem !== undefined) throw invalidArgument([{ field: "image", description: problem }]);
}

function upgradeProblem(from: KubernetesVersion, to: KubernetesVersion): string | undefined {
  const step = `from ${from.text} to ${to.text}`;
  if (to.major !== from.major) return `${step} is another major version`;
  if (to.minor > from.minor + 1) return `${step} skips a minor version: one after the other`;
  const older = to.minor < from.minor || (to.minor === from.minor && to.patch < from.patch);
  return older ? `${step} is a downgrade` : undefined;
}
