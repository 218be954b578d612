import { findImage, pullImage } from "../../common/engine/api/images.ts";
import { hasImage } from "../../common/engine/has-image.ts";
import { PullSummary } from "../../common/engine/pull-summary.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { nodeImageProblem } from "../clusters/check-image.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

const HOUR_MS = 3_600_000;

/** Node images that were not on the host when the call came. Not undone: images are the host's cache, and others may use them by now. */
export const pullImages: Step<ClusterContext> = {
  name: "pull-images",
  timeoutMs: HOUR_MS,
  attempts: ENGINE_ATTEMPTS,
  backoffMs: 1_000,
  needed: (ctx) => imagesOf(ctx).some((image) => !hasImage(ctx.tools.observer.all("image"), image)),
  async do(ctx) {
    const { engine, images } = ctx.tools;
    for (const image of imagesOf(ctx)) {
      if (!(await findImage(engine, image, { signal: ctx.signal }))) await pull(ctx, image);
      const found = await images.find(image, ctx.signal);
      const problem = found && nodeImageProblem(found, ctx.cluster.spec!.networking!);
      if (problem !== undefined) throw failedPrecondition("NOT_A_NODE_IMAGE", `${image} ${problem}`, { image });
    }
  },
};

async function pull(ctx: ClusterContext, image: string): Promise<void> {
  const summary = new PullSummary();
  for await (const line of pullImage(ctx.tools.engine, image, { signal: ctx.signal })) {
    summary.add(line);
    ctx.progress(summary.percent, summary.text);
  }
}

function imagesOf(ctx: ClusterContext): string[] {
  return [...new Set(nodesOfJob(ctx).map(({ spec }) => spec!.image || ctx.cluster.spec!.image))];
}
