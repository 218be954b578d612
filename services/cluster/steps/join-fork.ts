import type { Step } from "../../common/jobs/api.ts";
import { askServer, healthAgent } from "../api-address/ask-server.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { isFirst } from "../nodes/cluster-files.ts";
import { initPhase, WRITE_TOKEN } from "../nodes/commands.ts";
import { END_KUBELET_ALONE } from "../nodes/kubelet-alone.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { joinControlPlanes } from "./join-control-planes.ts";
import { startKubelet } from "./join-nodes.ts";
import { aboutNode } from "./node-trouble.ts";
import { waitUntil } from "./wait-until.ts";

const ENDPOINT_TIMEOUT_MS = 60_000;
const INTERVAL_MS = 100;

/** The data is the fork's own: everything that works on it begins. */
export const joinFork: Step<ClusterContext> = {
  name: "join-fork",
  timeoutMs: 300_000,
  attempts: 3,
  async do(ctx) {
    ctx.progress(-1, "starting the kubelets and the rest of the control plane");
    const { engine } = ctx.tools;
    const { signal } = ctx;
    const container = containerNameOfNode(ctx.nodes[0]!.meta!.name);
    const run = (command: readonly string[]) => runInNode({ engine, container, command, signal });
    await Promise.all([
      aboutNode(ctx, container, async () => {
        await run(initPhase("control-plane", "controller-manager"));
        await run(initPhase("control-plane", "scheduler"));
      }),
      aboutNode(ctx, container, async () => {
        for (const command of END_KUBELET_ALONE) await run(command);
        await waitForEndpoint(ctx);
        // What says how the cluster is made, and with what nodes may join it.
        await run(initPhase("upload-config", "kubeadm"));
        await run(WRITE_TOKEN);
      }),
      ...ctx.nodes.filter((node) => !isFirst(node, ctx.nodes)).map((node) => startKubelet(ctx, node)),
    ]);
  },
};

/** Where kubeadm asks for the API: with several control planes an address that leads to those that were seen to serve. */
async function waitForEndpoint({ cluster, engineName, signal }: ClusterContext): Promise<void> {
  const agent = healthAgent();
  try {
    await waitUntil({
      what: `the address of the API of ${engineName} leads to it`,
      timeoutMs: ENDPOINT_TIMEOUT_MS,
      intervalMs: INTERVAL_MS,
      signal,
      look: async () => {
        const answer = await askServer(agent, { host: cluster.reservation!.apiIpv4 }, signal);
        return answer === "ready" ? true : undefined;
      },
    });
  } finally {
    agent.destroy();
  }
}

/** The other control planes, of several: as such that are added. */
export const joinForkedControlPlanes: Step<ClusterContext> = {
  name: "join-forked-control-planes",
  timeoutMs: joinControlPlanes.timeoutMs,
  attempts: 3,
  needed: ({ nodes }) => controlPlanesOf(nodes).length > 1,
  do(ctx) {
    const nodes = controlPlanesOf(ctx.nodes)
      .slice(1)
      .map(({ meta }) => meta!.name);
    return joinControlPlanes.do(Object.create(ctx, { parameters: { value: { ...ctx.parameters, nodes } } }));
  },
};
