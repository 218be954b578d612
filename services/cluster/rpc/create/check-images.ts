import type { ClusterNetworking } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { GantryError } from "../../../common/errors/errors.ts";
import type { Violations } from "../../../common/names/violations.ts";
import { nodeImageProblem } from "../../clusters/check-image.ts";
import type { KubernetesVersion } from "../../kubeadm/version.ts";
import type { ClusterServiceContext } from "../../context.ts";

export interface CheckedImages {
  /** Why one cannot be had at all. */
  unavailable: GantryError | undefined;
  /** Of Kubernetes, by image; without those that are not here yet. */
  versions: Map<string, KubernetesVersion>;
}

/** Node images of this host, each with the field that names it. One that is not here yet is looked at when it has been pulled. */
export async function checkImages(
  { images }: ClusterServiceContext,
  fields: ReadonlyMap<string, string>,
  networking: ClusterNetworking,
  found: Violations,
  signal: AbortSignal,
): Promise<CheckedImages> {
  const versions = new Map<string, KubernetesVersion>();
  let unavailable: GantryError | undefined;
  for (const [image, field] of fields) {
    try {
      const known = await images.find(image, signal);
      const problem = known && nodeImageProblem(known, networking);
      if (problem !== undefined) found.add(field, `${image} ${problem}`);
      else if (known?.version) versions.set(image, known.version);
    } catch (error) {
      if (!(error instanceof GantryError) || error.reason !== "NODE_IMAGE_UNAVAILABLE") throw error;
      unavailable ??= error;
    }
  }
  return { unavailable, versions };
}
