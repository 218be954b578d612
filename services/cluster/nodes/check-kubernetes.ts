import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Violations } from "../../common/names/violations.ts";
import { checkVersions } from "../clusters/check-versions.ts";
import { type KubernetesVersion, parseKubernetesVersion } from "../kubeadm/version.ts";
import { checkConfiguration } from "./check-configuration.ts";
import { hostFacts } from "./cluster-files.ts";

export interface KubernetesCheck {
  /** With defaults filled in. */
  cluster: Cluster;
  /** All of the cluster's, in their order. */
  nodes: readonly Node[];
  /** Those that are to be made, each with the field that its spec is in. */
  wanted: readonly { node: Node; path: string }[];
  /** Field of the image of nodes that name none. */
  imageField: string;
  /** By image, as far as they are on the host. */
  versions: ReadonlyMap<string, KubernetesVersion>;
}

/** What the Kubernetes in the images says to nodes: whether the versions go together, and the patches fit its configuration. */
export async function checkKubernetes(found: Violations, check: KubernetesCheck): Promise<void> {
  const { cluster, nodes, wanted, imageField, versions } = check;
  const known = wanted.flatMap(({ node, path }) => {
    const { image, role } = node.spec!;
    const version = versions.get(image || cluster.spec!.image);
    return version ? [{ node, path, version, role, field: image === "" ? imageField : `${path}.image` }] : [];
  });
  const running = parseKubernetesVersion(cluster.status?.kubernetesVersion ?? "");
  checkVersions(found, known, running);
  checkConfiguration(found, cluster, nodes, known, await hostFacts());
}
