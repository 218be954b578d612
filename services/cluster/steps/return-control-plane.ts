import type { V1Lease } from "@kubernetes/client-node";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { isKubernetesStatus } from "../kubernetes/errors.ts";
import { startTimes } from "../nodes/start-times.ts";
import { API_TIMEOUT_MS, waitForApi } from "./begin-control-plane.ts";
import { aboutNode } from "./node-trouble.ts";
import { containerNameOfNode } from "../clusters/names.ts";

const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const LEADERS = ["kube-controller-manager", "kube-scheduler"];

/**
 * The API answers again, and controller manager and scheduler may lead at once: the leases of their former lives, which nobody gave back,
 * would keep them waiting for fifteen seconds.
 */
export const returnControlPlane: Step<ClusterContext> = {
  name: "return-control-plane",
  timeoutMs: API_TIMEOUT_MS + 60_000,
  attempts: 3,
  async do(ctx) {
    ctx.progress(-1, "waiting for the API server");
    const controlPlanes = controlPlanesOf(nodesOfJob(ctx));
    if (controlPlanes.length === 0)
      throw failedPrecondition("NO_CONTROL_PLANE", `${ctx.name} has lost its control planes`);
    await aboutNode(ctx, containerNameOfNode(controlPlanes[0]!.meta!.name), () =>
      waitForApi(ctx, controlPlanes, { isNew: false }),
    );
    const times = await startTimes(ctx.tools.engine, controlPlanes, ctx.signal);
    const since = Math.min(...times.values());
    await Promise.all(LEADERS.map((leader) => endFormerLife(ctx, leader, since)));
  },
};

/** Only where it was last renewed before the first of the control planes' present lives began: its holder is no more. */
async function endFormerLife(ctx: ClusterContext, leader: string, since: number): Promise<void> {
  const api = apiOf(ctx);
  const lease = await api.find<V1Lease>(`${LEASES}/${leader}`, { signal: ctx.signal });
  const renewed = lease?.spec?.renewTime;
  if (!lease || !renewed || new Date(renewed as unknown as string).getTime() >= since) return;
  const { uid, resourceVersion } = lease.metadata!;
  const body = { preconditions: { uid, resourceVersion } };
  try {
    await api.call("DELETE", `${LEASES}/${leader}`, { body, signal: ctx.signal });
  } catch (error) {
    // Taken over or deleted meanwhile.
    if (!isKubernetesStatus(error, 409) && !isKubernetesStatus(error, 404)) throw error;
  }
}
