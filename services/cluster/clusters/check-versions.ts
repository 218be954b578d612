import { NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Violations } from "../../common/names/violations.ts";
import { isAtLeast, type KubernetesVersion } from "../kubeadm/version.ts";

/** From here on an API server takes kubelets that are three minor versions older, before that two. */
const THREE_OLDER_MINOR = 28;

export interface NodeVersion {
  role: NodeRole;
  version: KubernetesVersion;
  /** That names its image. */
  field: string;
}

/**
 * Kubernetes' rules for versions that differ: control planes are of one, and no kubelet is newer than the API or too old for it. `running`: of the API
 * as it is; undefined where it is to be made.
 */
export function checkVersions(
  found: Violations,
  nodes: readonly NodeVersion[],
  running: KubernetesVersion | undefined,
): void {
  const api = running ?? nodes.find(({ role }) => role === NodeRole.NODE_ROLE_CONTROL_PLANE)?.version;
  if (!api) return;
  const told = new Set<string>();
  for (const { role, version, field } of nodes) {
    const problem = role === NodeRole.NODE_ROLE_CONTROL_PLANE ? unlike(version, api) : skew(version, api);
    if (problem === undefined || told.has(field)) continue;
    told.add(field);
    found.add(field, `has Kubernetes ${version.text}: ${problem}`);
  }
}

function unlike(version: KubernetesVersion, api: KubernetesVersion): string | undefined {
  const { major, minor, patch } = version;
  if (major === api.major && minor === api.minor && patch === api.patch) return undefined;
  return `all control planes are of one version, here ${api.text}`;
}

function skew(version: KubernetesVersion, api: KubernetesVersion): string | undefined {
  if (version.major !== api.major) return `another major version than the API's, ${api.text}`;
  if (version.minor > api.minor) return `no kubelet may be newer than the API, ${api.text}`;
  const older = isAtLeast(api, 1, THREE_OLDER_MINOR) ? 3 : 2;
  if (api.minor - version.minor <= older) return undefined;
  return `kubelets may be at most ${older} minor versions older than the API, ${api.text}`;
}
