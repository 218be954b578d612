import type { JsonPatch } from "../../../proto/gen/gantry/cluster/v1/cluster.ts";
import type { Violations } from "../../common/names/violations.ts";
import { parseDocuments } from "../kubeadm/parse-yaml.ts";
import { jsonPatchProblem, mergePatchProblem } from "../kubeadm/patches.ts";
import { PATCH_BYTES_MAX, PATCHES_MAX } from "./limits.ts";

/** Documents of the kubeadm configuration; a patch of any other kind would have no effect. */
const KINDS: readonly unknown[] = [
  "ClusterConfiguration",
  "InitConfiguration",
  "JoinConfiguration",
  "KubeletConfiguration",
  "KubeProxyConfiguration",
];
const PROBLEM_LENGTH_MAX = 200;

/** YAML documents that say of which kind they are. */
export function checkKubeadmPatches(found: Violations, patches: readonly string[], path: string): void {
  if (!checkCount(found, patches, path)) return;
  for (const [i, patch] of patches.entries()) {
    const at = `${path}[${i}]`;
    if (checkText(found, patch, at)) addProblem(found, at, mergePatchProblem(patch) || kindProblem(patch));
  }
}

export function checkJsonPatches(found: Violations, patches: readonly JsonPatch[], path: string): void {
  if (!checkCount(found, patches, path)) return;
  for (const [i, { kind, patch }] of patches.entries()) {
    const at = `${path}[${i}]`;
    found.check(kind === "" || KINDS.includes(kind), `${at}.kind`, `is none of ${KINDS.join(", ")}`);
    if (checkText(found, patch, `${at}.patch`)) addProblem(found, `${at}.patch`, jsonPatchProblem(patch));
  }
}

function kindProblem(patch: string): string {
  const other = (parseDocuments(patch) as { kind: unknown }[]).find(({ kind }) => !KINDS.includes(kind));
  return other === undefined ? "" : `a document's kind is none of ${KINDS.join(", ")}`;
}

function addProblem(found: Violations, field: string, problem: string): void {
  if (problem !== "") found.add(field, problem.slice(0, PROBLEM_LENGTH_MAX));
}

function checkCount(found: Violations, patches: readonly unknown[], path: string): boolean {
  return found.check(patches.length <= PATCHES_MAX, path, `has ${patches.length}; at most ${PATCHES_MAX}`);
}

function checkText(found: Violations, text: string, field: string): boolean {
  const bytes = Buffer.byteLength(text);
  if (!found.check(bytes <= PATCH_BYTES_MAX, field, `has ${bytes} bytes; at most ${PATCH_BYTES_MAX}`)) return false;
  return found.check(!text.includes("\0"), field, "has a NUL byte");
}
