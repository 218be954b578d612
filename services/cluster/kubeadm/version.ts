/** Of Kubernetes, as node images state it in `/kind/version`. */
export interface KubernetesVersion {
  major: number;
  minor: number;
  patch: number;
  /** As stated, with `v` in front and whatever follows the numbers. */
  text: string;
}

/** The oldest minor version that can be set up: its kubeadm is the first with v1beta2. */
const OLDEST_MINOR = 15;
const MAX_CHARS = 100;
const PATTERN = /^v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})((?:[-+][0-9A-Za-z.+-]+)?)$/;

/** `undefined` when it is no version. White space around it is ignored: it is the content of a file. */
export function parseKubernetesVersion(stated: string): KubernetesVersion | undefined {
  const found = PATTERN.exec(stated.trim().slice(0, MAX_CHARS + 1));
  if (!found || found[0].length > MAX_CHARS) return undefined;
  const [, major, minor, patch, rest] = found;
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    text: `v${Number(major)}.${Number(minor)}.${Number(patch)}${rest}`,
  };
}

/** Whether it is of that minor version or a later one, pre-releases of that one included (as kind counts them). */
export function isAtLeast(version: KubernetesVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}

/** Why it cannot be set up at all; undefined where it can. */
export function tooOld(version: KubernetesVersion): string | undefined {
  if (isAtLeast(version, 1, OLDEST_MINOR)) return undefined;
  return `Kubernetes ${version.text} is older than v1.${OLDEST_MINOR}, the oldest that can be set up`;
}

/** Versions of kubeadm's configuration as kind chooses them, so that patches written for kind find the same. */
export function kubeadmApi(version: KubernetesVersion): "v1beta2" | "v1beta3" | "v1beta4" {
  if (isAtLeast(version, 1, 36)) return "v1beta4";
  return isAtLeast(version, 1, 23) ? "v1beta3" : "v1beta2";
}
