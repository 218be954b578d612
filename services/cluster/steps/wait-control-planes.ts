import type { Step } from "../../common/jobs/api.ts";
import { askServer, healthAgent } from "../api-address/ask-server.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { API_TIMEOUT_MS } from "./begin-control-plane.ts";
import { aboutNode, needRunning } from "./node-trouble.ts";
import { waitUntil } from "./wait-until.ts";

const INTERVAL_MS = 100;

/** Each of several control planes (those that the job is about) serves by itself: before that the cluster would not outlive the loss of one. */
export const waitControlPlanes: Step<ClusterContext> = {
  name: "wait-control-planes",
  timeoutMs: API_TIMEOUT_MS + 60_000,
  attempts: 3,
  needed: (ctx) => controlPlanesOf(ctx.nodes).length > 1 && controlPlanesOf(nodesOfJob(ctx)).length > 0,
  async do(ctx) {
    const agent = healthAgent();
    try {
      await Promise.all(
        controlPlanesOf(nodesOfJob(ctx)).map(async ({ meta, reservation }) => {
          const container = containerNameOfNode(meta!.name);
          await aboutNode(ctx, container, () =>
            waitUntil({
              what: `the API server of ${container} is ready`,
              timeoutMs: API_TIMEOUT_MS,
              intervalMs: INTERVAL_MS,
              signal: ctx.signal,
              look: async () => {
                const answer = await askServer(agent, { host: reservation!.ipv4 }, ctx.signal);
                return answer === "ready" ? true : undefined;
              },
              giveUp: () => needRunning(ctx, container),
            }),
          );
        }),
      );
    } finally {
      agent.destroy();
    }
  },
};
