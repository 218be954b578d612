import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { KubernetesVersion } from "../kubeadm/version.ts";
import type { ClusterContext } from "./context.ts";

/** Of the Kubernetes in a node's image, which is on the host. */
export async function versionOf(ctx: ClusterContext, node: Node): Promise<KubernetesVersion> {
  const image = node.spec!.image || ctx.cluster.spec!.image;
  const version = (await ctx.tools.images.find(image, ctx.signal))?.version;
  if (version) return version;
  throw failedPrecondition("NODE_IMAGE_UNAVAILABLE", `node image ${image} is not on host ${ctx.tools.host} any more`, {
    image,
  });
}
