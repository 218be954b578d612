import { findImage, pullImage } from "../../common/engine/api/images.ts";
import { hasImage } from "../../common/engine/has-image.ts";
import { PullSummary } from "../../common/engine/pull-summary.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { Violations } from "../../common/names/violations.ts";
import { nodeImageProblem } from "../clusters/check-image.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import type { KubernetesVersion } from "../kubeadm/version.ts";
import { checkConfiguration } from "../nodes/check-configuration.ts";
import { checkKubernetes } from "../nodes/check-kubernetes.ts";
import { hostFacts } from "../nodes/cluster-files.ts";
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
    const versions = new Map<string, KubernetesVersion>();
    for (const image of imagesOf(ctx)) {
      if (!(await findImage(engine, image, { signal: ctx.signal }))) await pull(ctx, image);
      const found = await images.find(image, ctx.signal);
      const problem = found && nodeImageProblem(found, ctx.cluster.spec!.networking!);
      if (problem !== undefined) throw failedPrecondition("NOT_A_NODE_IMAGE", `${image} ${problem}`, { image });
      if (found?.version) versions.set(image, found.version);
    }
    await checkNodes(ctx, versions);
  },
};

/** What could not be told when the call came, for the images were not here. */
async function checkNodes(ctx: ClusterContext, versions: ReadonlyMap<string, KubernetesVersion>): Promise<void> {
  const { cluster, nodes, parameters } = ctx;
  const wanted = nodesOfJob(ctx).map((node) => ({ node, path: `${node.meta!.name}: spec` }));
  const found = new Violations();
  const target = versions.get(parameters.image);
  if (target) {
    const upgraded = wanted.map((each) => ({ ...each, version: target }));
    checkConfiguration(found, cluster, nodes, upgraded, await hostFacts());
  } else await checkKubernetes(found, { cluster, nodes, wanted, imageField: "cluster.spec.image", versions });
  found.throwIfAny();
}

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
