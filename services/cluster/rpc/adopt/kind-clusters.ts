import { status as Code } from "@grpc/grpc-js";
import { failedPrecondition, GantryError } from "../../../common/errors/errors.ts";
import { identityOf } from "../../../common/engine/labels.ts";
import type { ContainerState } from "../../../common/engine/state.ts";
import { NODES_MAX } from "../../clusters/limits.ts";
import { LABEL_KIND_CLUSTER, LABEL_KIND_ROLE } from "../../nodes/container-options.ts";

/** Containers of the clusters on an engine that kind made, by what kind calls the cluster. */
export function kindClusters(containers: readonly ContainerState[]): Map<string, ContainerState[]> {
  const clusters = new Map<string, ContainerState[]>();
  for (const container of containers) {
    const name = container.labels[LABEL_KIND_CLUSTER];
    if (name === undefined || identityOf(container.labels)) continue;
    clusters.set(name, [...(clusters.get(name) ?? []), container]);
  }
  return clusters;
}

/** Nodes of a cluster that can be taken over. NOT_FOUND with what there is; FAILED_PRECONDITION with everything that is in the way. */
export function adoptableNodes(
  containers: readonly ContainerState[],
  engineName: string,
  host: string,
): ContainerState[] {
  const clusters = kindClusters(containers);
  const found = clusters.get(engineName);
  if (!found) {
    const names = [...clusters.keys()].toSorted();
    const there = names.length === 0 ? "it has none that kind made" : `those that kind made are ${names.join(", ")}`;
    throw new GantryError(Code.NOT_FOUND, `the engine of host ${host} has no cluster ${engineName}: ${there}`, {
      reason: "NOT_FOUND",
      metadata: { host, cluster: engineName, clusters: names.join(",") },
    });
  }
  const problems = obstacles(found, engineName);
  if (problems.length === 0) return found;
  const text = `cluster ${engineName} cannot be taken over: ${problems.join("; ")}`;
  throw failedPrecondition("NOT_ADOPTABLE", text, { host, cluster: engineName });
}

function obstacles(containers: readonly ContainerState[], engineName: string): string[] {
  const withRole = (role: string): ContainerState[] =>
    containers.filter(({ labels }) => labels[LABEL_KIND_ROLE] === role);
  const controlPlanes = withRole("control-plane");
  const nodes = [...controlPlanes, ...withRole("worker")];
  const problems: string[] = [];
  if (controlPlanes.length === 0) problems.push("it has no control plane");
  if (controlPlanes.length > 1) {
    problems.push(
      "it has several control planes: their load balancer is a container, and etcd's members find each other at addresses that nobody keeps",
    );
  }
  if (nodes.length > NODES_MAX) problems.push(`it has ${nodes.length} nodes; at most ${NODES_MAX}`);
  for (const container of containers) {
    const { name, labels } = container;
    if (controlPlanes.length > 1 && labels[LABEL_KIND_ROLE] === "external-load-balancer") continue;
    if (!nodes.includes(container)) problems.push(`container ${name} is neither control plane nor worker`);
    else if (!name.startsWith(`${engineName}-`)) problems.push(`node ${name} is not called as kind calls nodes`);
  }
  return problems;
}
