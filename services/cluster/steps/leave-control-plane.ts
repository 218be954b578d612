import type { V1ConfigMap } from "@kubernetes/client-node";
import { parse, stringify } from "yaml";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Step } from "../../common/jobs/api.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import { connectEtcd } from "../etcd/connect.ts";
import { peerUrl } from "../etcd/initial-cluster.ts";
import { membersOf } from "../etcd/members.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { apiOf } from "../jobs/kubernetes.ts";
import { nodesOfJob } from "../jobs/nodes-of-job.ts";
import { isKubernetesStatus } from "../kubernetes/errors.ts";

const KUBEADM_CONFIG = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";
const CONFLICTS_MAX = 5;

/** Of the nodes that go: before their containers do. */
export const leaveControlPlaneStep: Step<ClusterContext> = {
  name: "leave-control-plane",
  timeoutMs: 120_000,
  attempts: 5,
  needed: (ctx) => controlPlanesOf(nodesOfJob(ctx)).length > 0,
  do: (ctx) => leaveControlPlane(ctx, nodesOfJob(ctx)),
};

/** Takes control planes out of etcd, and off kubeadm's list, as its reset does. The others agree on it; what is gone already is no fault. */
export async function leaveControlPlane(ctx: ClusterContext, leaving: readonly Node[]): Promise<void> {
  await leaveEtcd(ctx, leaving);
  const names = controlPlanesOf(leaving).map(({ reservation }) => reservation!.kubernetesName);
  if (names.length > 0) await forgetEndpoints(ctx, names);
}

/** A member that is not coming back counts against the majority as long as it is one. */
export async function leaveEtcd(ctx: ClusterContext, leaving: readonly Node[]): Promise<void> {
  const going = controlPlanesOf(leaving);
  if (going.length === 0) return;
  const staying = controlPlanesOf(ctx.nodes).filter((node) => !leaving.includes(node));
  using etcd = await connectEtcd(ctx.tools.engine, staying, ctx.signal);
  for (const { reservation } of going) {
    const node = { name: reservation!.kubernetesName, peerUrl: peerUrl(reservation!.ipv4) };
    for (const { id } of membersOf(await etcd.members(ctx.signal), node)) await etcd.remove(id, ctx.signal);
  }
}

/** kubeadm keeps such a list only in older versions. */
async function forgetEndpoints(ctx: ClusterContext, names: readonly string[]): Promise<void> {
  const api = apiOf(ctx);
  for (let conflicts = 0; ; conflicts += 1) {
    const config = await api.find<V1ConfigMap>(KUBEADM_CONFIG, { signal: ctx.signal });
    const status = withoutEndpoints(config?.data?.["ClusterStatus"], names);
    if (!config?.data || status === undefined) return;
    try {
      const body = { ...config, data: { ...config.data, ClusterStatus: status } };
      await api.call("PUT", KUBEADM_CONFIG, { body, signal: ctx.signal });
      return;
    } catch (error) {
      if (!isKubernetesStatus(error, 409) || conflicts === CONFLICTS_MAX) throw error;
    }
  }
}

/** Undefined where nothing has to be changed. */
export function withoutEndpoints(clusterStatus: string | undefined, names: readonly string[]): string | undefined {
  if (clusterStatus === undefined) return undefined;
  const status = parse(clusterStatus) as { apiEndpoints?: Record<string, unknown> } | null;
  const endpoints = status?.apiEndpoints ?? {};
  const kept = Object.entries(endpoints).filter(([name]) => !names.includes(name));
  if (kept.length === Object.keys(endpoints).length) return undefined;
  return stringify({ ...status, apiEndpoints: Object.fromEntries(kept) });
}
