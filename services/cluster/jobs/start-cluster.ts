import type { Job, JobContext } from "../../common/jobs/api.ts";
import type { HostTools } from "../host-tools.ts";
import { findNodeContainers } from "../nodes/find-nodes.ts";
import { giveMounts } from "../steps/give-mounts.ts";
import { observe } from "../steps/observe.ts";
import { checkPorts, openPorts } from "../steps/open-ports.ts";
import { repinNodes } from "../steps/repin-nodes.ts";
import { returnControlPlane } from "../steps/return-control-plane.ts";
import { showStaticPods } from "../steps/show-static-pods.ts";
import { startNodes } from "../steps/start-nodes.ts";
import { waitReady } from "../steps/wait-ready.ts";
import { clusterJob } from "./cluster-job.ts";
import { type ClusterContext, clusterContext } from "./context.ts";

/** Also starts those nodes alone that do not run, or are not at their addresses. */
export function startClusterJob(tools: HostTools): Job<ClusterContext> {
  const steps = [
    checkPorts,
    giveMounts,
    repinNodes,
    startNodes,
    openPorts,
    returnControlPlane,
    waitReady,
    showStaticPods,
    observe,
  ];
  return {
    ...clusterJob({ name: "start-cluster", steps, tools }),
    context: async (base: JobContext) => withNodesThere(await clusterContext(base, tools)),
  };
}

/** The job is about those nodes that have a container: what has been lost is made anew once the others run. All, where none has. */
async function withNodesThere(ctx: ClusterContext): Promise<ClusterContext> {
  const found = await findNodeContainers(ctx.tools.engine, ctx.nodes, ctx.signal);
  const there = new Set(found.map(({ uid }) => uid));
  if (there.size === 0 || there.size === ctx.nodes.length) return ctx;
  const nodes = ctx.nodes.flatMap(({ meta }) => (there.has(meta!.uid) ? [meta!.name] : []));
  return { ...ctx, parameters: { ...ctx.parameters, nodes } };
}
