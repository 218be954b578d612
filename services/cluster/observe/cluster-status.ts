import { type Cluster, ClusterState, ClusterStatus } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type Node, NodeRole, NodeState } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { formatHostPort } from "../../common/config/values.ts";
import { no, setCondition, unknown, type Verdict, yes } from "../../common/observe/condition.ts";
import { idOf } from "../../common/names/resource-names.ts";
import { networkNameOf } from "../clusters/names.ts";
import type { ApiState } from "../kubernetes/observations/cluster-observations.ts";
import { API_PORT } from "../pki/paths.ts";

export const CONDITION_API_REACHABLE = "ApiReachable";
export const CONDITION_CONTAINERS_RUNNING = "ContainersRunning";
export const CONDITION_NODES_READY = "NodesReady";

/** Nodes that a condition's message names. */
const NAMED_MAX = 8;

/** States that tell what a job is about to do. While an operation runs on the cluster only its job ends them. */
const INTENTS: ReadonlySet<ClusterState> = new Set([
  ClusterState.CLUSTER_STATE_CREATING,
  ClusterState.CLUSTER_STATE_STARTING,
  ClusterState.CLUSTER_STATE_STOPPING,
  ClusterState.CLUSTER_STATE_DELETING,
]);

/** Node states that have a container which runs. */
const UP: ReadonlySet<NodeState> = new Set([
  NodeState.NODE_STATE_STARTING,
  NodeState.NODE_STATE_READY,
  NodeState.NODE_STATE_NOT_READY,
]);

/**
 * Status of a cluster as its nodes (with their status as it is now) and its API show it. Pure: the same for the observer and for jobs. A state
 * that a running operation stands for is kept. The status given back shares nothing with `cluster`.
 */
export function observedClusterStatus(
  cluster: Cluster,
  nodes: readonly Node[],
  api: ApiState,
  now: Date,
): ClusterStatus {
  const status = settledClusterStatus(cluster, nodes, api, now);
  const state = cluster.status?.state ?? ClusterState.CLUSTER_STATE_UNSPECIFIED;
  const busy = cluster.meta?.operation !== "" || cluster.meta.deleteTime !== undefined;
  if (busy && INTENTS.has(state)) status.state = state;
  return status;
}

/** As observedClusterStatus, but for the write that ends an operation: no intent is kept. */
export function settledClusterStatus(
  cluster: Cluster,
  nodes: readonly Node[],
  api: ApiState,
  now: Date,
): ClusterStatus {
  const before = ClusterStatus.fromPartial(cluster.status ?? {});
  // One that is being removed counts no more.
  const staying = nodes.filter(({ meta }) => !meta?.deleteTime || cluster.meta?.deleteTime);
  const controlPlanes = staying.filter(({ spec }) => spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE);
  const status: ClusterStatus = {
    ...before,
    ...endpoints(cluster, controlPlanes),
    conditions: [...before.conditions],
    state: stateOf(before, staying, api),
    kubernetesVersion: api.version || before.kubernetesVersion,
    imageId: controlPlanes[0]?.status?.imageId || before.imageId,
    // What kind made stays in kind's network.
    network: before.adopted ? before.network : networkNameOf(cluster.meta!.name),
    nodeCount: staying.length,
    readyNodeCount: having(staying, NodeState.NODE_STATE_READY).length,
    controlPlaneCount: controlPlanes.length,
  };
  for (const [type, verdict] of verdicts(staying, api)) setCondition(status.conditions, { type, ...verdict }, now);
  return status;
}

function stateOf(before: ClusterStatus, nodes: readonly Node[], api: ApiState): ClusterState {
  // A creation that failed and was kept for inspection.
  if (before.state === ClusterState.CLUSTER_STATE_FAILED && before.observedGeneration === 0n) return before.state;
  const lost = having(nodes, NodeState.NODE_STATE_LOST).length;
  if (lost === nodes.length) return ClusterState.CLUSTER_STATE_LOST;
  const up = nodes.filter(({ status }) => UP.has(stateOfNode(status)));
  const paused = having(nodes, NodeState.NODE_STATE_PAUSED).length;
  if (up.length === 0) return paused > 0 ? ClusterState.CLUSTER_STATE_PAUSED : ClusterState.CLUSTER_STATE_STOPPED;
  const ready = having(nodes, NodeState.NODE_STATE_READY).length;
  const whole = ready === nodes.length && api.state === "reachable";
  return whole ? ClusterState.CLUSTER_STATE_RUNNING : ClusterState.CLUSTER_STATE_DEGRADED;
}

function verdicts(nodes: readonly Node[], api: ApiState): [type: string, verdict: Verdict][] {
  const down = nodes.filter(({ status }) => !UP.has(stateOfNode(status)));
  const unready = nodes.filter(({ status }) => stateOfNode(status) !== NodeState.NODE_STATE_READY);
  return [
    [CONDITION_API_REACHABLE, apiVerdict(api)],
    [CONDITION_CONTAINERS_RUNNING, down.length === 0 ? yes("AllRun") : no("SomeDoNotRun", nameSome(down))],
    [CONDITION_NODES_READY, unready.length === 0 ? yes("AllReady") : no("SomeAreNotReady", nameSome(unready))],
  ];
}

function apiVerdict({ state, message }: ApiState): Verdict {
  if (state === "reachable") return yes("Answers");
  return state === "unknown" ? unknown("NotAskedYet", message) : no("DoesNotAnswer", message);
}

/** Where the API is: published on the host, or with several control planes at an address that the host's kernel spreads. */
function endpoints({ spec, reservation }: Cluster, controlPlanes: readonly Node[]): Partial<ClusterStatus> {
  if (!reservation) return {};
  const { apiPort, apiIpv4, endpointName } = reservation;
  const host = spec?.networking?.apiServerAddress || "127.0.0.1";
  const published =
    controlPlanes.length === 1 && apiPort !== 0 ? `https://${formatHostPort({ host, port: apiPort })}` : "";
  const direct = apiIpv4 === "" ? "" : `https://${apiIpv4}:${API_PORT}`;
  // The name is known in the whole network where a container stands behind it, else to the nodes alone.
  const spread = apiIpv4 !== "" && !controlPlanes.some((node) => node.reservation?.ipv4 === apiIpv4);
  const named = endpointName === "" ? "" : `https://${endpointName}:${API_PORT}`;
  return {
    endpoint: published || direct,
    internalEndpoint: spread ? direct : named,
  };
}

function having(nodes: readonly Node[], state: NodeState): Node[] {
  return nodes.filter(({ status }) => stateOfNode(status) === state);
}

function stateOfNode(status: Node["status"]): NodeState {
  return status?.state ?? NodeState.NODE_STATE_UNSPECIFIED;
}

function nameSome(nodes: readonly Node[]): string {
  const names = nodes.slice(0, NAMED_MAX).map(({ meta }) => idOf(meta!.name));
  const more = nodes.length - names.length;
  return more === 0 ? names.join(", ") : `${names.join(", ")} and ${more} more`;
}
