import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Step } from "../../common/jobs/api.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { EtcdClient } from "../etcd/client.ts";
import { connectEtcd } from "../etcd/connect.ts";
import { joiningCluster, peerUrl } from "../etcd/initial-cluster.ts";
import { type Member, membersOf } from "../etcd/members.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { versionOf } from "../jobs/versions.ts";
import { kubeadmFile } from "../kubeadm/render.ts";
import { hostFacts } from "../nodes/cluster-files.ts";
import { BEGIN_ETCD, ETCD_CONFIG_PATH, initPhase } from "../nodes/commands.ts";
import { nodeDocuments } from "../nodes/kubeadm-options.ts";
import type { NodeFile } from "../nodes/node-file.ts";
import { putFiles } from "../nodes/put-files.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { noteControlPlane } from "./add-ons.ts";
import { aboutNode, needRunning } from "./node-trouble.ts";
import { waitUntil } from "./wait-until.ts";

const JOIN_TIMEOUT_MS = 120_000;
const INTERVAL_MS = 100;

/** Control planes whose kubelets run already: one after the other, for etcd takes in one at a time. */
export const joinControlPlanes: Step<ClusterContext> = {
  name: "join-control-planes",
  timeoutMs: 10 * 60_000,
  attempts: 3,
  needed: (ctx) => joiningOf(ctx).length > 0,
  async do(ctx) {
    const joining = joiningOf(ctx);
    const present = controlPlanesOf(ctx.nodes).filter((node) => !joining.includes(node) && !node.meta!.deleteTime);
    for (const node of joining) {
      const container = containerNameOfNode(node.meta!.name);
      ctx.progress(-1, `${container} joins etcd and the control plane`);
      await aboutNode(ctx, container, () => join(ctx, node, container, present));
      present.push(node);
    }
  },
};

function joiningOf(ctx: ClusterContext): Node[] {
  return controlPlanesOf(nodesOfJob(ctx));
}

async function join(ctx: ClusterContext, node: Node, container: string, present: readonly Node[]): Promise<void> {
  const run = (command: readonly string[]): Promise<string> =>
    runInNode({ engine: ctx.tools.engine, container, command, signal: ctx.signal });
  using etcd = await connectEtcd(ctx.tools.engine, present, ctx.signal);
  const members = await addMember(ctx, etcd, node);
  await putFiles(ctx.tools.engine, container, [await etcdFile(ctx, node, joiningCluster(node, members))], ctx.signal);
  await run(BEGIN_ETCD);
  await waitForMember(ctx, etcd, node, container);
  const parts = ["apiserver", "controller-manager", "scheduler"].map((part) => run(initPhase("control-plane", part)));
  await Promise.all(parts);
  await noteControlPlane(ctx, container);
}

/** All members with the new one, which may be there from a run that was broken off. etcd says no while it is not settled from the one before. */
function addMember(ctx: ClusterContext, etcd: EtcdClient, node: Node): Promise<Member[]> {
  const { kubernetesName: name, ipv4 } = node.reservation!;
  const own = { name, peerUrl: peerUrl(ipv4) };
  return waitUntil({
    what: `etcd takes ${name} in`,
    timeoutMs: JOIN_TIMEOUT_MS,
    intervalMs: INTERVAL_MS,
    signal: ctx.signal,
    look: async () => {
      const members = await etcd.members(ctx.signal);
      if (membersOf(members, own).length > 0) return members;
      await etcd.add(own.peerUrl, ctx.signal);
      return undefined;
    },
  });
}

/** kubeadm's configuration for a member of etcd alone, with further flags of etcd's. */
export async function etcdFile(ctx: ClusterContext, node: Node, etcdFlags: Record<string, string>): Promise<NodeFile> {
  const [version, host] = await Promise.all([versionOf(ctx, node), hostFacts()]);
  const facts = { version, host: host.capacity, cgroupV1: host.cgroupV1, token: "", authorityHash: "" };
  const { cluster, nodes } = ctx;
  const documents = nodeDocuments({ cluster, node, nodes, ...facts, etcdFlags });
  // Without a token of its own kubeadm is content with what it has; an empty one it refuses.
  const kept = documents.map((each) => (each.kind === "InitConfiguration" ? { ...each, bootstrapTokens: [] } : each));
  return { ...kubeadmFile(kept), path: ETCD_CONFIG_PATH };
}

/** It has all that the others have: only then may the next one come. */
async function waitForMember(ctx: ClusterContext, etcd: EtcdClient, node: Node, container: string): Promise<void> {
  const { kubernetesName: name, ipv4 } = node.reservation!;
  await waitUntil({
    what: `${name} has started as a member of etcd`,
    timeoutMs: JOIN_TIMEOUT_MS,
    intervalMs: INTERVAL_MS,
    signal: ctx.signal,
    look: async () => {
      const [own] = membersOf(await etcd.members(ctx.signal), { name, peerUrl: peerUrl(ipv4) });
      return own?.name === name ? true : undefined;
    },
    giveUp: () => needRunning(ctx, container),
  });
}
