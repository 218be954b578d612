import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { look } from "../jobs/sight.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** What has become of the cluster, for the status that the job's end writes. */
export const observe: Step<ClusterContext> = {
  name: "observe",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    ctx.sight = await look(ctx);
  },
};
