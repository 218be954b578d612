import type { Step } from "../../common/jobs/api.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { removeContainers } from "./create-container.ts";

/** Container, anonymous volumes, the inner engine's data. What is gone already is no fault. */
export const removeContainerStep: Step<InstanceContext> = {
  name: "remove-container",
  timeoutMs: 120_000,
  attempts: 10,
  do: removeContainers,
};

/** Keys on the host; the address is free again. */
export const releaseStep: Step<InstanceContext> = {
  name: "release",
  timeoutMs: 30_000,
  attempts: 5,
  async do(ctx) {
    await ctx.tools.tls.remove(ctx.uid);
    ctx.tools.innerEngines.forget(ctx.uid);
    ctx.tools.network.release(ctx.uid);
  },
};
