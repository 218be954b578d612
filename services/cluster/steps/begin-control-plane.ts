import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { Step } from "../../common/jobs/api.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { BEGIN_ETCD, initPhase } from "../nodes/commands.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { aboutNode, needRunning } from "./node-trouble.ts";
import { registerNodes } from "./register-nodes.ts";
import { waitUntil } from "./wait-until.ts";

export const API_TIMEOUT_MS = 240_000;
const API_INTERVAL_MS = 25;
const CRASH_CHECK_INTERVAL_MS = 10_000;
/** Logs of a container's fourth life, which the kubelet numbers from 0. */
const FOURTH_LIVES = ["find", "/var/log", "-ignore_readdir_race", "-path", "*/pods/kube-system_*", "-name", "3.log"];

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
      await Promise.all([beginEtcd(ctx), run(ctx, container, initPhase("control-plane", "apiserver"))]);
      ctx.progress(-1, "waiting for the API server");
      await waitForApi(ctx, [ctx.nodes[0]!], { isNew: true });
    });
    await registerNodes(ctx, ctx.nodes);
  },
};

/** On every control plane at once: of several none is of use without most of the others. */
async function beginEtcd(ctx: ClusterContext): Promise<void> {
  const members = controlPlanesOf(ctx.nodes).map(({ meta }) => containerNameOfNode(meta!.name));
  const command = members.length > 1 ? BEGIN_ETCD : initPhase("etcd", "local");
  await Promise.all(members.map((container) => aboutNode(ctx, container, () => run(ctx, container, command))));
}

function run({ tools, signal }: ClusterContext, container: string, command: readonly string[]): Promise<string> {
  return runInNode({ engine: tools.engine, container, command, signal });
}

/** Until the API answers; gives up when an only control plane has ended, or one that is `isNew` whose etcd or API server ends again and again. */
export async function waitForApi(
  ctx: ClusterContext,
  controlPlanes: readonly Node[],
  { isNew }: { isNew: boolean },
): Promise<void> {
  const api = apiOf(ctx);
  const only = controlPlanes.length === 1 ? containerNameOfNode(controlPlanes[0]!.meta!.name) : undefined;
  let nextCheckMs = performance.now() + CRASH_CHECK_INTERVAL_MS;
  await waitUntil({
    what: `the API of ${ctx.engineName} answers`,
    timeoutMs: API_TIMEOUT_MS,
    intervalMs: API_INTERVAL_MS,
    signal: ctx.signal,
    look: () => api.get("/api/v1/nodes", { query: { limit: 1 }, signal: ctx.signal }),
    giveUp: async () => {
      if (only === undefined) return;
      needRunning(ctx, only);
      // Of one that was there before, the numbers go on from its former lives.
      if (!isNew || performance.now() < nextCheckMs) return;
      nextCheckMs = performance.now() + CRASH_CHECK_INTERVAL_MS;
      await needNoCrashes(ctx, only);
    },
  });
}

async function needNoCrashes({ tools, signal }: ClusterContext, container: string): Promise<void> {
  const found = await runInNode({ engine: tools.engine, container, command: FOURTH_LIVES, signal });
  const [, pod] = /kube-system_((?:kube-)?[a-z]+)-[^/]*\//.exec(found) ?? [];
  if (pod === undefined) return;
  throw failedPrecondition("CONTROL_PLANE_CRASHES", `${pod} of ${container} ends again and again`, { container, pod });
}
