import type { ClusterNetworking } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { GantryError } from "../../../common/errors/errors.ts";
import type { Violations } from "../../../common/names/violations.ts";
import { nodeImageProblem } from "../../clusters/check-image.ts";
import type { ClusterServiceContext } from "../../context.ts";

/**
 * Node images of this host, each with the field that names it. One that is not here yet is looked at when it has been pulled; why one cannot
 * be had at all is returned.
 */
export async function checkImages(
  { images }: ClusterServiceContext,
  fields: ReadonlyMap<string, string>,
  networking: ClusterNetworking,
  found: Violations,
  signal: AbortSignal,
): Promise<GantryError | undefined> {
  let unavailable: GantryError | undefined;
  for (const [image, field] of fields) {
    try {
      const known = await images.find(image, signal);
      const problem = known && nodeImageProblem(known, networking);
      if (problem !== undefined) found.add(field, `${image} ${problem}`);
    } catch (error) {
      if (!(error instanceof GantryError) || error.reason !== "NODE_IMAGE_UNAVAILABLE") throw error;
      unavailable ??= error;
    }
  }
  return unavailable;
}
