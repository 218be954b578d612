import { type NodeGroup, NodeRole, type NodeSpec } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { nodeId } from "./names.ts";

export interface PlannedNode {
  id: string;
  spec: NodeSpec;
}

/** The nodes that groups (with defaults filled in) ask for, in order. `taken`: ids that other nodes have. */
export function planNodes(
  clusterId: string,
  groups: readonly NodeGroup[],
  taken: ReadonlySet<string> = new Set(),
): PlannedNode[] {
  const used = new Set(taken);
  const planned: PlannedNode[] = [];
  for (const { count, spec } of groups) {
    for (let i = 0; i < count; i += 1) {
      const id = freeId(clusterId, spec!.role, used);
      used.add(id);
      planned.push({ id, spec: spec! });
    }
  }
  return planned;
}

export function countControlPlanes(specs: readonly (NodeSpec | undefined)[]): number {
  return specs.filter((spec) => spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE).length;
}

function freeId(clusterId: string, role: NodeRole, used: ReadonlySet<string>): string {
  for (let n = 1; ; n += 1) {
    const id = nodeId(clusterId, role, n);
    if (!used.has(id)) return id;
  }
}
