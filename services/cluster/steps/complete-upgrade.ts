import { KubeProxyMode } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Step } from "../../common/jobs/api.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { initPhase, LIST_IMAGES, WRITE_TOKEN } from "../nodes/commands.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { aboutNode } from "./node-trouble.ts";

/** What is the cluster's and not one node's, as `kubeadm upgrade` brings it to the new version: configuration, rights, add-ons. */
export const completeUpgrade: Step<ClusterContext> = {
  name: "complete-upgrade",
  timeoutMs: 300_000,
  attempts: 5,
  async do(ctx) {
    ctx.progress(-1, "upgrading the cluster's add-ons");
    const { engine } = ctx.tools;
    const { signal } = ctx;
    const container = containerNameOfNode(ctx.nodes[0]!.meta!.name);
    const run = (command: string[]) => runInNode({ engine, container, command, signal });
    await aboutNode(ctx, container, async () => {
      await run(initPhase("upload-config", "all"));
      await run(WRITE_TOKEN);
      const proxy = ctx.cluster.spec!.networking!.kubeProxyMode !== KubeProxyMode.KUBE_PROXY_MODE_NONE;
      if (proxy) await run(initPhase("addon", "kube-proxy"));
      if (/\/coredns(\/coredns)?:/.test(await run(LIST_IMAGES))) await run(initPhase("addon", "coredns"));
    });
  },
};
