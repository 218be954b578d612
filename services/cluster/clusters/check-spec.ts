import { ClusterSpec, PowerState } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import { type NodeGroup, NodeRole, NodeSpec } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { isImageReference } from "../../common/engine/image-reference.ts";
import { isId } from "../../common/names/ids.ts";
import type { Violations } from "../../common/names/violations.ts";
import { checkNetworking, type NetworkRules } from "./check-networking.ts";
import { checkNode, type NodeRules } from "./check-node.ts";
import { checkJsonPatches, checkKubeadmPatches } from "./check-patches.ts";
import { checkHostPorts, type HostPort } from "./check-ports.ts";
import * as limit from "./limits.ts";

export type HostRules = NetworkRules & NodeRules;

const FEATURE = /^[A-Z][A-Za-z0-9]{0,99}$/;
const RUNTIME_KEY = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(\/[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?){0,2}$/;
const KEY_LENGTH_MAX = 200;
const KEY_SHOWN_LENGTH_MAX = 80;

/**
 * Everything that is wrong with a spec (defaults filled in) in itself and on a host; what other clusters, the engine and the image say to it
 * is checked elsewhere. `rules` undefined: it is for another host, which is not known here. False where there are too many nodes to go on.
 */
export function checkSpec(
  found: Violations,
  spec: ClusterSpec,
  rules: HostRules | undefined,
  path = "cluster.spec",
): boolean {
  found.check(isImageReference(spec.image), `${path}.image`, "is not an OCI image reference");
  found.check(
    spec.power === PowerState.POWER_STATE_RUNNING,
    `${path}.power`,
    "is written by start, stop, pause and resume",
  );
  found.check(isId(spec.host), `${path}.host`, "is not the id of a host");
  checkMap(found, spec.featureGates, FEATURE, () => undefined, `${path}.feature_gates`);
  checkMap(found, spec.runtimeConfig, RUNTIME_KEY, runtimeValueProblem, `${path}.runtime_config`);
  checkKubeadmPatches(found, spec.kubeadmConfigPatches, `${path}.kubeadm_config_patches`);
  checkJsonPatches(found, spec.kubeadmConfigJsonPatches, `${path}.kubeadm_config_json_patches`);
  const counts = checkGroups(found, spec.nodeGroups, rules, `${path}.node_groups`);
  if (!counts) return false;
  checkNetworking(found, spec.networking!, counts, rules, `${path}.networking`);
  checkHostPorts(found, hostPortsOf(spec, path));
  const bytes = bytesOf(spec);
  found.check(
    bytes <= limit.SPEC_BYTES_MAX,
    path,
    `has ${bytes} bytes with all nodes; at most ${limit.SPEC_BYTES_MAX}`,
  );
  return true;
}

/** Undefined where counts are so wrong that nothing can be said of the nodes. */
function checkGroups(
  found: Violations,
  groups: readonly NodeGroup[],
  rules: NodeRules | undefined,
  path: string,
): { nodes: number; controlPlanes: number } | undefined {
  const few = groups.length <= limit.NODES_MAX;
  if (!found.check(few, path, `has ${groups.length} groups; at most ${limit.NODES_MAX}`)) return undefined;
  let [nodes, controlPlanes] = [0, 0];
  for (const [i, { count, spec }] of groups.entries()) {
    found.check(count >= 1, `${path}[${i}].count`, `${count} is negative`);
    checkNode(found, spec!, rules, `${path}[${i}].spec`);
    nodes += Math.max(0, count);
    controlPlanes += controlPlanesOf(groups[i]!);
  }
  const odd = controlPlanes % 2 === 1 && controlPlanes <= limit.CONTROL_PLANES_MAX;
  found.check(odd, path, `have ${controlPlanes} control planes: an odd number from 1 to ${limit.CONTROL_PLANES_MAX}`);
  const all = found.check(nodes <= limit.NODES_MAX, path, `have ${nodes} nodes; at most ${limit.NODES_MAX}`);
  return all ? { nodes, controlPlanes } : undefined;
}

function controlPlanesOf({ count, spec }: NodeGroup): number {
  return spec?.role === NodeRole.NODE_ROLE_CONTROL_PLANE ? Math.max(0, count) : 0;
}

/** Every port of the host that a cluster asks for. */
export function hostPortsOf(spec: ClusterSpec, path = "cluster.spec"): HostPort[] {
  return [...apiPorts(spec, path), ...groupPorts(spec.nodeGroups, `${path}.node_groups`)];
}

/** Each node of a group asks for the group's ports. */
export function groupPorts(groups: readonly NodeGroup[], path: string): HostPort[] {
  return groups.flatMap(({ count, spec }, g) =>
    Array.from({ length: Math.max(0, count) }).flatMap(() =>
      spec!.ports.slice(0, limit.PORTS_MAX).map((port, p) => ({
        ...port,
        field: `${path}[${g}].spec.ports[${p}].host_port`,
      })),
    ),
  );
}

/** Several control planes are reached at an address of their own. */
function apiPorts({ networking, nodeGroups }: ClusterSpec, path: string): HostPort[] {
  if (!networking || nodeGroups.reduce((sum, group) => sum + controlPlanesOf(group), 0) > 1) return [];
  const field = `${path}.networking.api_server_port`;
  return [{ hostIp: networking.apiServerAddress, hostPort: networking.apiServerPort, protocol: "tcp", field }];
}

function checkMap<T>(
  found: Violations,
  map: Readonly<Record<string, T>>,
  pattern: RegExp,
  valueProblem: (value: T) => string | undefined,
  path: string,
): void {
  const entries = Object.entries(map);
  const few = entries.length <= limit.MAP_ENTRIES_MAX;
  if (!found.check(few, path, `has ${entries.length} entries; at most ${limit.MAP_ENTRIES_MAX}`)) return;
  for (const [key, value] of entries) {
    const at = `${path}[${JSON.stringify(key.slice(0, KEY_SHOWN_LENGTH_MAX))}]`;
    const good = key.length <= KEY_LENGTH_MAX && pattern.test(key);
    const problem = good ? valueProblem(value) : `the key must match ${pattern.source}`;
    if (problem !== undefined) found.add(at, problem);
  }
}

function runtimeValueProblem(value: string): string | undefined {
  return ["", "true", "false"].includes(value) ? undefined : 'the value is neither "true" nor "false"';
}

/** Of what is written: the cluster, and each node. */
function bytesOf(spec: ClusterSpec): number {
  const nodes = spec.nodeGroups.map(
    ({ count, spec: node }) => Math.max(0, count) * NodeSpec.encode(node!).finish().length,
  );
  return nodes.reduce((sum, bytes) => sum + bytes, ClusterSpec.encode(spec).finish().length);
}
