import type { V1Node } from "@kubernetes/client-node";
import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { findContainer } from "../../common/engine/api/containers.ts";
import { type ContainerState, containerFromInspect } from "../../common/engine/state.ts";
import { GantryError } from "../../common/errors/errors.ts";
import { controlPlanesOf } from "../clusters/control-planes.ts";
import { containerNameOfNode } from "../clusters/names.ts";
import type { ApiState } from "../kubernetes/observations/cluster-observations.ts";
import { type NodeView, nodeView } from "../kubernetes/observations/node-view.ts";
import type { NodePorts } from "../node-ports/node-ports.ts";
import { observedNodeStatus } from "../observe/node-status.ts";
import { settledClusterStatus } from "../observe/cluster-status.ts";
import type { ClusterContext } from "./context.ts";
import { apiOf } from "./kubernetes.ts";

/** What engine and API said of a cluster, just now. */
export interface Sight {
  /** By the node's uid. */
  containers: ReadonlyMap<string, ContainerState>;
  api: ApiState;
  /** By the node's name in Kubernetes. */
  views: ReadonlyMap<string, NodeView>;
}

type ApiSight = Pick<Sight, "api" | "views">;

const API_TIMEOUT_MS = 3_000;
const NO_API: ApiSight = {
  api: { state: "unreachable", message: "no control plane runs", version: "" },
  views: new Map(),
};

export async function look(ctx: ClusterContext): Promise<Sight> {
  const containers = new Map<string, ContainerState>();
  const inspect = async ({ meta }: Node): Promise<void> => {
    const raw = await findContainer(ctx.tools.engine, containerNameOfNode(meta!.name), { signal: ctx.signal });
    if (raw) containers.set(meta!.uid, containerFromInspect(raw));
  };
  await Promise.all(ctx.nodes.map(inspect));
  // Of what does not run, or is frozen, only the end of the time limit would tell that it does not answer.
  const serves = controlPlanesOf(ctx.nodes).some(({ meta }) => containers.get(meta!.uid)?.state === "running");
  return { containers, ...(serves ? await lookAtApi(ctx) : NO_API) };
}

async function lookAtApi(ctx: ClusterContext): Promise<ApiSight> {
  const client = apiOf(ctx);
  const limits = { signal: ctx.signal, timeoutMs: API_TIMEOUT_MS };
  const views = new Map<string, NodeView>();
  try {
    const { gitVersion } = await client.get<{ gitVersion: string }>("/version", limits);
    for await (const { items } of client.pages<V1Node>("/api/v1/nodes", limits)) {
      for (const view of items.map(nodeView)) views.set(view.name, view);
    }
    return { api: { state: "reachable", message: "", version: gitVersion }, views };
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (!(error instanceof GantryError)) throw error;
    return { api: { state: "unreachable", message: error.message, version: "" }, views };
  }
}

/** Brings the status of the records in line with what was seen. */
export function settle(
  cluster: Cluster,
  nodes: readonly Node[],
  { containers, api, views }: Sight,
  { nodePorts, now }: { nodePorts: NodePorts; now: Date },
): void {
  for (const node of nodes) {
    const container = containers.get(node.meta!.uid);
    const view = views.get(node.reservation?.kubernetesName ?? "");
    const ports = nodePorts.of(node.meta!.name);
    node.status = observedNodeStatus(node, { container, ports, view, api, busy: false }, now);
  }
  cluster.status = settledClusterStatus(cluster, nodes, api, now);
}
