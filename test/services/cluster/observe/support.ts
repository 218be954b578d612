import { Cluster } from "../../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { Node, NodeRole, type NodeState } from "../../../../proto/gen/gantry/cluster/v1/node.ts";
import type { ContainerState } from "../../../../services/common/engine/state.ts";
import type { ApiState } from "../../../../services/cluster/kubernetes/observations/cluster-observations.ts";
import type { NodeView } from "../../../../services/cluster/kubernetes/observations/node-view.ts";

export const NOW = new Date("2026-01-01T12:00:00Z");
export const STARTED = new Date("2026-01-01T11:00:00.700Z");

export const REACHABLE: ApiState = { state: "reachable", message: "", version: "v1.31.0" };
export const UNREACHABLE: ApiState = { state: "unreachable", message: "connection refused", version: "v1.31.0" };

export function container(state: string, more: Partial<ContainerState> = {}): ContainerState {
  return {
    id: "c1",
    name: "dev-worker",
    image: "node",
    imageId: "sha256:1",
    state,
    labels: {},
    createTime: STARTED,
    addresses: [{ network: "gantry-dev", ipv4: "10.208.0.3", ipv6: "", mac: "" }],
    ports: [],
    exitCode: 0,
    detailed: true,
    oomKilled: false,
    error: "",
    startTime: STARTED,
    finishTime: undefined,
    restartCount: 0,
    pid: 1,
    memoryLimitBytes: 0,
    ...more,
  };
}

export function view(ready: boolean, heartbeat: Date | undefined = NOW): NodeView {
  return { name: "dev-worker", ready, message: ready ? "" : "no network", heartbeat, kubeletVersion: "v1.31.0" };
}

/** `n` counts from 1; the first is the control plane. */
export function node(n: number, state: NodeState, containerId = "c1"): Node {
  const id = n === 1 ? "dev-control-plane" : `dev-worker${n === 2 ? "" : n - 1}`;
  return Node.fromPartial({
    meta: { name: `projects/default/clusters/dev/nodes/${id}`, uid: `u${n}` },
    spec: { role: n === 1 ? NodeRole.NODE_ROLE_CONTROL_PLANE : NodeRole.NODE_ROLE_WORKER },
    status: { state, containerId, imageId: "sha256:1" },
    reservation: { ipv4: `10.208.0.${n + 1}`, kubernetesName: id },
  });
}

export function cluster(more: Parameters<typeof Cluster.fromPartial>[0] = {}): Cluster {
  return Cluster.fromPartial({
    meta: { name: "projects/default/clusters/dev", uid: "u", operation: "" },
    spec: {},
    reservation: { subnet: "10.208.0.0/24", apiIpv4: "10.208.0.2", endpointName: "dev-api", apiPort: 40_123 },
    ...more,
  });
}
