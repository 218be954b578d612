import { findImage, pullImage } from "../../common/engine/api/images.ts";
import type { Step } from "../../common/jobs/api.ts";
import { hasImage } from "../../common/engine/has-image.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { PullSummary } from "../../common/engine/pull-summary.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

const HOUR_MS = 3_600_000;

/** The image is on the host. Not undone: images are the host's cache, and others may use it by now. */
export const pullImageStep: Step<InstanceContext> = {
  name: "pull-image",
  timeoutMs: HOUR_MS,
  attempts: ENGINE_ATTEMPTS,
  backoffMs: 1_000,
  needed: (ctx) => !hasImage(ctx.tools.observer.all("image"), ctx.instance.spec?.image ?? ""),
  do: ensureImage,
};

/** Asks the engine itself: what is observed may be a moment old. */
export async function ensureImage(ctx: InstanceContext): Promise<void> {
  const image = ctx.instance.spec?.image ?? "";
  const { engine } = ctx.tools;
  if (await findImage(engine, image, { signal: ctx.signal })) return;
  const summary = new PullSummary();
  for await (const line of pullImage(engine, image, { signal: ctx.signal })) {
    summary.add(line);
    ctx.progress(summary.percent, summary.text);
  }
}
