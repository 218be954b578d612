import { ConditionStatus } from "../../../proto/gen/gantry/common/v1/meta.ts";
import type { Cluster, ClusterSpec } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Any } from "../../../proto/gen/google/protobuf/any.ts";
import { failedPrecondition, type GantryError } from "../../common/errors/errors.ts";
import type { Job, Step } from "../../common/jobs/api.ts";
import { responseOf } from "../../common/jobs/response.ts";
import { setCondition } from "../../common/observe/condition.ts";
import type { Transaction } from "../../common/store/api.ts";
import type { HostTools } from "../host-tools.ts";
import { clusterKind, nodeKind } from "../kinds.ts";
import { type ClusterContext, clusterContext, ownCluster } from "./context.ts";
import { look, settle } from "./sight.ts";

/** Of the condition that tells why the last job on the cluster failed. */
export const CONDITION_OPERATION = "LastOperation";

export interface ClusterJobOptions {
  name: string;
  steps: readonly Step<ClusterContext>[];
  tools: HostTools;
}

/** A job whose end brings the records in line with what was seen. On failure what the cluster should be doing is what it was before. */
export function clusterJob({ name, steps, tools }: ClusterJobOptions): Job<ClusterContext> {
  return {
    name,
    steps,
    context: (base) => clusterContext(base, tools),
    succeed: succeedWith,
    async fail(ctx, tx, error) {
      const cluster = await ownCluster(ctx, tx);
      if (!cluster?.spec) return;
      restoreSpec(cluster.spec, ctx.parameters.previous);
      await writeStatus(ctx, tx, cluster);
      writeFailure(cluster, error, tx.now);
      tx.put(clusterKind, cluster);
    },
  };
}

export async function succeedWith(ctx: ClusterContext, tx: Transaction): Promise<Any> {
  const cluster = await ownCluster(ctx, tx);
  if (!cluster?.meta) throw failedPrecondition("TAKEN_OVER", `${ctx.name} is being deleted`);
  await writeStatus(ctx, tx, cluster);
  cluster.status!.observedGeneration = cluster.meta.generation;
  const { conditions } = cluster.status!;
  const at = conditions.findIndex((condition) => condition.type === CONDITION_OPERATION);
  if (at !== -1) conditions.splice(at, 1);
  cluster.meta.operation = "";
  tx.put(clusterKind, cluster);
  return responseOf(clusterKind, cluster);
}

/** Status of the nodes' records, and of `cluster`, which the caller writes. */
export async function writeStatus(ctx: ClusterContext, tx: Transaction, cluster: Cluster): Promise<void> {
  const sight = (ctx.sight ??= await look(ctx));
  const nodes: Node[] = [];
  for (const { meta } of ctx.nodes) {
    const node = await tx.get(nodeKind, meta!.name);
    if (node?.meta?.uid === meta!.uid) nodes.push(node);
  }
  settle(cluster, nodes, sight, { nodePorts: ctx.tools.nodePorts, now: tx.now });
  for (const node of nodes) tx.put(nodeKind, node);
}

export function writeFailure(cluster: Cluster, error: GantryError, now: Date): void {
  const failed = { type: CONDITION_OPERATION, status: ConditionStatus.CONDITION_STATUS_FALSE, reason: "Failed" };
  setCondition(cluster.status!.conditions, { ...failed, message: error.message }, now);
}

function restoreSpec(spec: ClusterSpec, previous: ClusterSpec | undefined): void {
  if (!previous) return;
  spec.power = previous.power;
  spec.image = previous.image;
}
