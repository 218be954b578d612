import { NodeRole } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { DEFAULT_PROJECT, formatEngineName } from "../../common/names/engine-names.ts";

export const CLUSTER = "projects/{project}/clusters/{cluster}";
export const NODE = "projects/{project}/clusters/{cluster}/nodes/{node}";
export const CLUSTER_SNAPSHOT = "projects/{project}/clusterSnapshots/{snapshot}";

/** What a cluster is called on the engine, in kind's labels and as origin: `dev`, `<project>.dev`. */
export function engineNameOfCluster(clusterName: string): string {
  const [, project = "", , id = ""] = clusterName.split("/");
  return formatEngineName(project, id);
}

/** The cluster that is called so on the engine, as `engineNameOfCluster` has it. */
export function clusterNameOf(engineName: string): string {
  const dot = engineName.indexOf(".");
  const project = dot === -1 ? DEFAULT_PROJECT : engineName.slice(0, dot);
  return `projects/${project}/clusters/${engineName.slice(dot + 1)}`;
}

/** Container of a node, and its name in Kubernetes unless reserved otherwise: `dev-worker`, `<project>.dev-worker`. */
export function containerNameOfNode(nodeName: string): string {
  const [, project = "", , cluster = "", , node = ""] = nodeName.split("/");
  const engineName = formatEngineName(project, cluster);
  return `${engineName}${node.slice(cluster.length)}`;
}

export function clusterOfNode(nodeName: string): string {
  return nodeName.slice(0, nodeName.indexOf("/nodes/"));
}

const ROLE_IN_NAME: Record<number, string> = {
  [NodeRole.NODE_ROLE_CONTROL_PLANE]: "control-plane",
  [NodeRole.NODE_ROLE_WORKER]: "worker",
};

/** The `n`th node of a role, counted from 1: `dev-worker`, `dev-worker2`. kind names them so. */
export function nodeId(clusterId: string, role: NodeRole, n: number): string {
  const word = ROLE_IN_NAME[role];
  if (word === undefined) throw new Error(`nodes of role ${role} have no name`);
  return `${clusterId}-${word}${n === 1 ? "" : n}`;
}

/** Of the cluster's own network on the engine. */
export function networkNameOf(clusterName: string): string {
  return `gantry-${engineNameOfCluster(clusterName)}`;
}

/** Of the cluster's API inside: in certificates and every node's hosts file. */
export function endpointNameOf(clusterName: string): string {
  return `${engineNameOfCluster(clusterName)}-api`;
}
