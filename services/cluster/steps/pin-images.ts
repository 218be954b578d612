import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { checkUpgrade } from "../clusters/check-upgrade.ts";
import { type ClusterContext, updateNode } from "../jobs/context.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** From here on each node's record names the image that it has, whatever becomes of the others. */
export const pinImages: Step<ClusterContext> = {
  name: "pin-images",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    const { image, previous } = ctx.parameters;
    const version = (await ctx.tools.images.find(image, ctx.signal))?.version;
    if (!version) throw failedPrecondition("NODE_IMAGE_UNAVAILABLE", `node image ${image} is gone`, { image });
    // Known only now where the image had to be pulled first.
    checkUpgrade(ctx.cluster.status?.kubernetesVersion ?? "", version);
    for (const { meta, spec } of ctx.nodes) {
      if (spec!.image !== "") continue;
      await updateNode(ctx, meta!.name, (node) => void (node.spec!.image ||= previous!.image), { durable: true });
    }
  },
};
