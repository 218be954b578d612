import type { Cluster } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Violations } from "../../common/names/violations.ts";
import { type Document, kubeadmDocuments } from "../kubeadm/documents.ts";
import { kubeletFiles } from "../kubeadm/kubelet-files.ts";
import { jsonPatch, mergePatch, type Patch } from "../kubeadm/patches.ts";
import type { KubernetesVersion } from "../kubeadm/version.ts";
import { type HostFacts, isFirst } from "./cluster-files.ts";
import { kubeadmOptions } from "./kubeadm-options.ts";
import { nodeObject } from "./node-object.ts";

const PROBLEM_LENGTH_MAX = 300;
/** What is looked at here does not depend on them. */
const NO_SECRETS = { token: "", authorityHash: "" };

export interface NodeToCheck {
  node: Node;
  /** Of its image. */
  version: KubernetesVersion;
  /** Field that its spec is in; nodes with the same one have the same spec. */
  path: string;
}

interface NamedPatch {
  field: string;
  apply: Patch;
}

interface Problem {
  field: string;
  description: string;
}

/**
 * Patches that cannot be applied to kubeadm's configuration of these nodes, or make one of it that no node can be made from, each with its
 * field. Their syntax is known to be right. `nodes`: all of the cluster's.
 */
export function checkConfiguration(
  found: Violations,
  cluster: Cluster,
  nodes: readonly Node[],
  wanted: readonly NodeToCheck[],
  host: HostFacts,
): void {
  const patches = clusterPatches(cluster);
  const seen = new Set<string>();
  const problems = new Map<string, string>();
  for (const { node, version, path } of wanted) {
    const first = isFirst(node, nodes);
    const same = `${path} ${version.text} ${first}`;
    if (seen.has(same)) continue;
    seen.add(same);
    const about = { cluster, node, nodes, version, host: host.capacity, cgroupV1: host.cgroupV1, ...NO_SECRETS };
    const use = (documents: readonly Document[]): void => {
      kubeletFiles(documents, { version, first });
      nodeObject(node, documents, { first, host: host.capacity });
    };
    const problem = findProblem(kubeadmDocuments(kubeadmOptions(about)), [...patches, ...nodePatches(node, path)], use);
    if (problem) problems.set(problem.field, problem.description);
  }
  for (const [field, description] of problems) found.add(field, description.slice(0, PROBLEM_LENGTH_MAX));
}

function clusterPatches({ spec }: Cluster): NamedPatch[] {
  const { kubeadmConfigPatches, kubeadmConfigJsonPatches } = spec!;
  return [
    ...kubeadmConfigPatches.map((patch, i) => ({
      field: `cluster.spec.kubeadm_config_patches[${i}]`,
      apply: mergePatch(patch),
    })),
    ...kubeadmConfigJsonPatches.map((patch, i) => ({
      field: `cluster.spec.kubeadm_config_json_patches[${i}].patch`,
      apply: jsonPatch(patch),
    })),
  ];
}

function nodePatches({ spec }: Node, path: string): NamedPatch[] {
  return spec!.kubeadmConfigPatches.map((patch, i) => ({
    field: `${path}.kubeadm_config_patches[${i}]`,
    apply: mergePatch(patch),
  }));
}

/** The patch that cannot be applied, or the one that spoils what is made from the outcome: a later one may mend what an earlier one broke. */
function findProblem(
  documents: readonly Document[],
  patches: readonly NamedPatch[],
  use: (documents: readonly Document[]) => void,
): Problem | undefined {
  let patched = documents;
  let spoilt: Problem | undefined;
  for (const { field, apply } of patches) {
    try {
      patched = apply(patched);
    } catch (error) {
      return { field, description: `cannot be applied: ${(error as Error).message}` };
    }
    try {
      use(patched);
      spoilt = undefined;
    } catch (error) {
      spoilt ??= { field, description: `makes what cannot be used: ${(error as Error).message}` };
    }
  }
  return spoilt;
}
