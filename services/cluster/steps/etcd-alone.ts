import { GantryError, unavailable } from "../../common/errors/errors.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import { ALONE_CLUSTER } from "../etcd/initial-cluster.ts";
import type { ClusterContext } from "../jobs/context.ts";
import { BEGIN_ETCD, STOP_KUBELET } from "../nodes/commands.ts";
import { putFiles } from "../nodes/put-files.ts";
import { runInNode } from "../nodes/run-in-node.ts";
import { etcdFile } from "./join-control-planes.ts";
import { startKubelet } from "./join-nodes.ts";
import { waitUntil } from "./wait-until.ts";

const END_TIMEOUT_MS = 60_000;
const INTERVAL_MS = 100;
const CTR = ["ctr", "--namespace", "k8s.io"];
const ETCD = 'labels."io.kubernetes.container.name"==etcd';

/** etcd of the first node with the data of one of several members, as a cluster of its own: the others are made anew, from this one. */
export async function beginEtcdAlone(ctx: ClusterContext): Promise<void> {
  const first = ctx.nodes[0]!;
  const container = containerNameOfNode(first.meta!.name);
  const { engine } = ctx.tools;
  const { signal } = ctx;
  // One that runs belongs to a run that was broken off.
  await endEtcd(ctx);
  await putFiles(engine, container, [await etcdFile(ctx, first, ALONE_CLUSTER)], signal);
  await runInNode({ engine, container, command: BEGIN_ETCD, signal });
  await startKubelet(ctx, first);
}

/**
 * etcd of the first node ends in order, and does not come back before the node's kubelet is started. A kubelet would not end it: as long as it
 * has not heard of the API what pods there are, it ends none.
 */
export async function endEtcd(ctx: ClusterContext): Promise<void> {
  const container = containerNameOfNode(ctx.nodes[0]!.meta!.name);
  await waitUntil({
    what: `etcd of ${container} has ended`,
    timeoutMs: END_TIMEOUT_MS,
    intervalMs: INTERVAL_MS,
    signal: ctx.signal,
    look: async () => {
      await run(ctx, container, STOP_KUBELET);
      const tasks = await etcdTasks(ctx, container);
      for (const task of tasks) await run(ctx, container, [...CTR, "tasks", "kill", task]);
      return tasks.length === 0 ? true : undefined;
    },
  });
}

async function etcdTasks(ctx: ClusterContext, container: string): Promise<string[]> {
  const [etcd, running] = await Promise.all([
    run(ctx, container, [...CTR, "containers", "list", "--quiet", ETCD]),
    run(ctx, container, [...CTR, "tasks", "list", "--quiet"]),
  ]);
  const ids = new Set(etcd.split("\n"));
  return running.split("\n").filter((id) => id !== "" && ids.has(id));
}

/** A command that fails may do better in a moment: the node's services are just starting, or the task has ended by itself. */
async function run({ tools, signal }: ClusterContext, container: string, command: readonly string[]): Promise<string> {
  try {
    return await runInNode({ engine: tools.engine, container, command, signal });
  } catch (error) {
    if (!(error instanceof GantryError) || error.reason !== "NODE_COMMAND_FAILED") throw error;
    throw unavailable("NODE_NOT_READY", error.message, error);
  }
}
