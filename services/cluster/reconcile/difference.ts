import { type Cluster, ClusterState, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";

/** Job that closes a difference. `start` also starts those nodes alone that do not run. */
export type Correction = "delete" | "start" | "stop" | "pause" | "resume";

/** What the engine has of a cluster. */
export interface ClusterSight {
  /** States of its nodes' containers, in the engine's words, by the node's uid. */
  containers: ReadonlyMap<string, string>;
  /** Its own network is there. */
  network: boolean;
}

/** What does not run and is to. */
const DOWN: ReadonlySet<string> = new Set(["created", "exited"]);

/**
 * What has to be done for a cluster to be as wanted; undefined when nothing has, or when it is someone else's turn: a job's, the engine's
 * restart policy's, or the user's after a failed creation.
 */
export function difference(cluster: Cluster, nodes: readonly Node[], sight: ClusterSight): Correction | undefined {
  const { meta, spec } = cluster;
  if (!meta || !spec || meta.operation !== "") return undefined;
  if (meta.deleteTime) return "delete";
  if (wasNeverMade(cluster)) return undefined;
  const states = nodes.flatMap((node) => sight.containers.get(node.meta!.uid) ?? []);
  if (states.length === 0) return wasRemoved(nodes, sight) ? "delete" : undefined;
  const some = (...wanted: string[]): boolean => states.some((state) => wanted.includes(state));
  switch (spec.power) {
    case PowerState.POWER_STATE_STOPPED:
      return some("running", "paused", "restarting") ? "stop" : undefined;
    case PowerState.POWER_STATE_PAUSED:
      // What was paused when the host went down is no more: it is started, and then paused.
      if (states.some((state) => DOWN.has(state))) return "start";
      return some("running") ? "pause" : undefined;
    default:
      if (some("paused")) return "resume";
      return states.some((state) => DOWN.has(state)) ? "start" : undefined;
  }
}

/** A creation that failed and was kept for inspection: its user decides. */
function wasNeverMade({ status }: Cluster): boolean {
  return status?.state === ClusterState.CLUSTER_STATE_FAILED && status.observedGeneration === 0n;
}

/**
 * All containers have been taken away, as `kind delete cluster` does. It leaves the network: where that is gone too the engine has lost
 * everything, or is another one, and the records stay for the user to decide.
 */
function wasRemoved(nodes: readonly Node[], sight: ClusterSight): boolean {
  return sight.network && nodes.every(({ status }) => (status?.containerId ?? "") !== "");
}
