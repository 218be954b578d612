import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { initPhase } from "../nodes/commands.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { aboutNode, needRunning } from "./node-trouble.ts";
import { registerNodes } from "./register-nodes.ts";
import { waitUntil } from "./wait-until.ts";

export const API_TIMEOUT_MS = 240_000;
const API_INTERVAL_MS = 25;

/**
 * etcd and the API server run, and know every node. Their manifests come first and alone: the rest of the control plane would only wait for
 * the API, and take the processors from it.
 */
export const beginControlPlane: Step<ClusterContext> = {
  name: "begin-control-plane",
  timeoutMs: API_TIMEOUT_MS + 60_000,
  attempts: 3,
  async do(ctx) {
    const container = containerNameOfNode(ctx.nodes[0]!.meta!.name);
    await aboutNode(ctx, container, async () => {
      ctx.progress(-1, "starting etcd and the API server");
      await Promise.all([run(ctx, container, "etcd", "local"), run(ctx, container, "control-plane", "apiserver")]);
      ctx.progress(-1, "waiting for the API server");
      await waitForApi(ctx, [ctx.nodes[0]!]);
    });
    await registerNodes(ctx, ctx.nodes);
  },
};

function run({ tools, signal }: ClusterContext, container: string, ...phase: string[]): Promise<string> {
  return runInNode({ engine: tools.engine, container, command: initPhase(...phase), signal });
}

/** Until the API answers; gives up when all of the control planes have ended. */
export async function waitForApi(ctx: ClusterContext, controlPlanes: readonly Node[]): Promise<void> {
  const api = apiOf(ctx);
  await waitUntil({
    what: `the API of ${ctx.engineName} answers`,
    timeoutMs: API_TIMEOUT_MS,
    intervalMs: API_INTERVAL_MS,
    signal: ctx.signal,
    look: () => api.get("/api/v1/nodes", { query: { limit: 1 }, signal: ctx.signal }),
    giveUp: () => {
      if (controlPlanes.length === 1) needRunning(ctx, containerNameOfNode(controlPlanes[0]!.meta!.name));
    },
  });
}
