import type { Step } from "../../common/jobs/api.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { look } from "./wait-ready.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** What has become of the container, for the status that the job's end writes. */
export const observe: Step<InstanceContext> = {
  name: "observe",
  timeoutMs: 30_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    await look(ctx);
  },
};
