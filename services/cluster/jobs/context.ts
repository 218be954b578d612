import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { ClusterJob } from "../../../proto/gen/gantry/cluster/v1/job.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { notFound } from "../../common/errors/errors.ts";
import type { JobContext } from "../../common/jobs/api.ts";
import { readMetadata } from "../../common/jobs/metadata.ts";
import type { CommitOptions, Store, Transaction } from "../../common/store/api.ts";
import { endpointNameOf, engineNameOfCluster, networkNameOf } from "../clusters/names.ts";
import { compareNodes } from "../clusters/node-order.ts";
import type { HostTools } from "../host-tools.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import type { Sight } from "./sight.ts";

/** What the steps of a job on a cluster share. */
export interface ClusterContext extends JobContext {
  readonly tools: HostTools;
  /** `projects/<p>/clusters/<id>`. */
  readonly name: string;
  readonly uid: string;
  /** What it is called on the engine and in kind's labels. */
  readonly engineName: string;
  /** Of its network on the engine. */
  readonly networkName: string;
  /** Of its API inside. */
  readonly endpointName: string;
  readonly parameters: ClusterJob;
  /** As last read or written by this job. */
  cluster: Cluster;
  /** All of its nodes, as last read or written by this job: control planes first, each role by number. */
  nodes: Node[];
  /** What a step saw last, for the status that the end of the job writes. */
  sight: Sight | undefined;
}

/** NOT_FOUND when the cluster is gone, or is a later one of the same name. */
export async function clusterContext(base: JobContext, tools: HostTools): Promise<ClusterContext> {
  const { target, targetUid } = readMetadata(base.operation);
  const cluster = await base.store.get(clusterKind, target);
  if (!cluster?.meta || (targetUid !== "" && cluster.meta.uid !== targetUid)) throw notFound(target);
  return {
    ...base,
    tools,
    name: target,
    uid: cluster.meta.uid,
    engineName: engineNameOfCluster(target),
    networkName: networkNameOf(target),
    endpointName: endpointNameOf(target),
    parameters: ClusterJob.decode(base.operation.payload),
    cluster,
    nodes: await nodesOf(base.store, target),
    sight: undefined,
  };
}

/** From the store, not from memory: nothing is missing. Control planes first, each role by number. */
export async function nodesOf(store: Store, cluster: string): Promise<Node[]> {
  const nodes: Node[] = [];
  for await (const node of store.all(nodeKind, `${cluster}/nodes/`)) nodes.push(node);
  return nodes.sort(compareNodes);
}

/** Changes the cluster's record under the job's fence; `change` returns false to leave it. */
export async function updateCluster(
  ctx: ClusterContext,
  change: (cluster: Cluster) => void | false,
  options: CommitOptions = {},
): Promise<void> {
  ctx.cluster = await ctx.store.mutate(
    clusterKind,
    ctx.name,
    (cluster) => {
      if (cluster.meta?.uid !== ctx.uid) throw notFound(ctx.name);
      return change(cluster);
    },
    { fence: ctx.fence, ...options },
  );
  ctx.tools.catalog.clusters.note(ctx.cluster);
}

/** Changes the record of one of its nodes under the job's fence; `change` returns false to leave it. */
export async function updateNode(
  ctx: ClusterContext,
  name: string,
  change: (node: Node) => void | false,
  options: CommitOptions = {},
): Promise<void> {
  const uid = ctx.nodes.find((node) => node.meta!.name === name)?.meta!.uid;
  const updated = await ctx.store.mutate(
    nodeKind,
    name,
    (node) => {
      if (node.meta?.uid !== uid) throw notFound(name);
      return change(node);
    },
    { fence: ctx.fence, ...options },
  );
  ctx.nodes = ctx.nodes.map((node) => (node.meta!.name === name ? updated : node));
  ctx.tools.catalog.nodes.note(updated);
}

/** The cluster as the transaction sees it, when it is still this job's: not deleted, and not taken over by a delete. */
export async function ownCluster(ctx: ClusterContext, tx: Transaction): Promise<Cluster | undefined> {
  const cluster = await tx.get(clusterKind, ctx.name);
  const mine = cluster?.meta?.uid === ctx.uid && cluster.meta.operation === ctx.operation.operation?.name;
  return mine ? cluster : undefined;
}
