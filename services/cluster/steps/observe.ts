import { setTimeout as delay } from "node:timers/promises";
import type { Step } from "../../common/jobs/api.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { look, type Sight } from "../jobs/sight.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** What its API shows cannot be read, if it takes longer: the operation tells how the cluster is all the same. */
const OBSERVED_TIMEOUT_MS = 10_000;
/** A sight that was passed over by a later one of the same second is never observed: another is taken. */
const LOOK_INTERVAL_MS = 500;
const INTERVAL_MS = 10;

/**
 * What has become of the cluster, for the status that the job's end writes. It ends once the cluster's observer has seen that, too: it would put
 * an older sight in the place of the job's, and who then asks for the pods is to be told of those of now.
 */
export const observe: Step<ClusterContext> = {
  name: "observe",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  async do(ctx) {
    const deadlineMs = performance.now() + OBSERVED_TIMEOUT_MS;
    do {
      ctx.sight = await look(ctx);
      if (await isObserved(ctx, ctx.sight)) return;
    } while (performance.now() < deadlineMs);
    ctx.log.warn({ timeoutMs: OBSERVED_TIMEOUT_MS }, "what the cluster's API shows was not observed in time");
  },
};

/** Waits a little for it. */
async function isObserved({ tools, uid, signal }: ClusterContext, { api, views }: Sight): Promise<boolean> {
  const observations = tools.observed.of(uid);
  if (!observations || api.state !== "reachable") return true;
  observations.suspect();
  const deadlineMs = performance.now() + LOOK_INTERVAL_MS;
  while (!observations.hasSeen(views)) {
    if (performance.now() > deadlineMs) return false;
    await delay(INTERVAL_MS, undefined, { signal });
  }
  return true;
}
