import { type Cluster, ClusterState, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";

/**
 * Job that closes a difference. `start` also starts those nodes alone that do not run, and puts those back that are not at their addresses;
 * `replace` makes those anew whose containers are gone.
 */
export type Correction = "delete" | "start" | "stop" | "pause" | "resume" | "replace";

/** What the engine has of a cluster. */
export interface ClusterSight {
  /** States of its nodes' containers, in the engine's words, by the node's uid. */
  containers: ReadonlyMap<string, string>;
  /** Addresses of those that run, in the cluster's own network, by the node's uid; empty where one has none there. */
  addresses: ReadonlyMap<string, string>;
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
      if (states.some((state) => DOWN.has(state))) return "start";
      if (nodes.some((node) => isAstray(node, sight))) return "start";
      // Containers of kind's making are not ours to make anew.
      if (cluster.status?.adopted) return undefined;
      return lostNodes(nodes, sight).length > 0 ? "replace" : undefined;
  }
}

/** It runs elsewhere than where all others look for it. */
function isAstray({ meta, reservation }: Node, { addresses }: ClusterSight): boolean {
  const address = addresses.get(meta!.uid);
  return address !== undefined && reservation?.ipv4 !== "" && address !== reservation?.ipv4;
}

/**
 * Nodes whose containers were there and are gone, with all that was in them, and which can be made anew: the keys of the cluster are on its
 * control planes, and etcd goes on without some of its members only as long as most are there.
 */
export function lostNodes(nodes: readonly Node[], { containers }: ClusterSight): Node[] {
  const isThere = ({ meta }: Node): boolean => containers.has(meta!.uid);
  const members = controlPlanesOf(nodes);
  if (members.filter(isThere).length <= members.length / 2) return [];
  return nodes.filter((node) => !isThere(node) && !node.meta!.deleteTime && (node.status?.containerId ?? "") !== "");
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
