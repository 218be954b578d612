import {
  MountPropagation,
  type NodeMount,
  NodeRole,
  type NodeSpec,
  type Taint,
} from "../../../proto/gen/gantry/cluster/v1/node.ts";
import { isImageReference } from "../../common/engine/image-reference.ts";
import { labelKeyProblem, labelValueProblem } from "../../common/names/label-syntax.ts";
import type { Violations } from "../../common/names/violations.ts";
import { checkKubeadmPatches } from "./check-patches.ts";
import { checkPorts } from "./check-ports.ts";
import { isMember } from "./is-member.ts";
import * as limit from "./limits.ts";

export interface NodeRules {
  cpuMillis: bigint;
  memoryBytes: bigint;
}

const EFFECTS: readonly string[] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const DEVICE = /^[a-zA-Z]([-\w.]*[a-zA-Z0-9])?\/[a-zA-Z]([-\w]*[a-zA-Z0-9])?=[a-zA-Z0-9]([-\w.:]*[a-zA-Z0-9])?$/;
/** Where a node has something of its own that it cannot be without. */
const OWN_PATHS: ReadonlySet<string> = new Set([
  "/",
  "/var",
  "/tmp",
  "/run",
  "/lib/modules",
  "/proc",
  "/sys",
  "/dev",
  "/kind",
  "/run/gantry",
]);
const OWN_FOLDERS: readonly string[] = ["/kind/", "/run/gantry/"];
const KEY_SHOWN_LENGTH_MAX = 80;

/** With defaults filled in. `rules` undefined: it is for another host, which is not known here. */
export function checkNode(found: Violations, spec: NodeSpec, rules: NodeRules | undefined, path: string): void {
  found.check(isMember(NodeRole, spec.role), `${path}.role`, "is not a value of NodeRole");
  found.check(spec.image === "" || isImageReference(spec.image), `${path}.image`, "is not an OCI image reference");
  checkLabels(found, spec.labels, `${path}.labels`);
  checkTaints(found, spec.taints, `${path}.taints`);
  checkSize(found, `${path}.cpu_millis`, spec.cpuMillis, limit.CPU_MILLIS_MIN, rules?.cpuMillis);
  checkSize(found, `${path}.memory_bytes`, spec.memoryBytes, limit.MEMORY_BYTES_MIN, rules?.memoryBytes);
  checkMounts(found, spec.mounts, `${path}.mounts`);
  checkPorts(found, spec.ports, `${path}.ports`);
  const { devices } = spec;
  if (checkCount(found, devices, limit.DEVICES_MAX, `${path}.devices`)) {
    for (const [i, device] of devices.entries()) {
      found.check(DEVICE.test(device), `${path}.devices[${i}]`, "is not the name of a device, as nvidia.com/gpu=0");
    }
  }
  checkKubeadmPatches(found, spec.kubeadmConfigPatches, `${path}.kubeadm_config_patches`);
}

function checkCount(found: Violations, list: readonly unknown[], max: number, path: string): boolean {
  return found.check(list.length <= max, path, `has ${list.length}; at most ${max}`);
}

/** 0 means no limit. */
function checkSize(found: Violations, path: string, value: bigint, min: bigint, max: bigint | undefined): void {
  if (value === 0n) return;
  if (value < 0n) found.add(path, `${value} is negative`);
  else if (value < min) found.add(path, `${value} is less than the least possible, ${min}; 0 means no limit`);
  else if (max !== undefined && value > max) found.add(path, `${value} is more than the host has, ${max}`);
}

function checkLabels(found: Violations, labels: Readonly<Record<string, string>>, path: string): void {
  const entries = Object.entries(labels);
  if (!checkCount(found, entries, limit.LABELS_MAX, path)) return;
  for (const [key, value] of entries) {
    const at = `${path}[${JSON.stringify(key.slice(0, KEY_SHOWN_LENGTH_MAX))}]`;
    const problem = labelKeyProblem(key) ?? labelValueProblem(value);
    if (problem !== undefined) found.add(at, problem);
  }
}

function checkTaints(found: Violations, taints: readonly Taint[], path: string): void {
  if (!checkCount(found, taints, limit.TAINTS_MAX, path)) return;
  for (const [i, { key, value, effect }] of taints.entries()) {
    const at = `${path}[${i}]`;
    const [keyProblem, valueProblem] = [labelKeyProblem(key), labelValueProblem(value)];
    if (keyProblem !== undefined) found.add(`${at}.key`, keyProblem);
    if (valueProblem !== undefined) found.add(`${at}.value`, valueProblem);
    found.check(EFFECTS.includes(effect), `${at}.effect`, `is none of ${EFFECTS.join(", ")}`);
    const first = taints.findIndex((other) => other.key === key && other.effect === effect);
    found.check(first === i, at, `taints ${key.slice(0, KEY_SHOWN_LENGTH_MAX)} with that effect a second time`);
  }
}

function checkMounts(found: Violations, mounts: readonly NodeMount[], path: string): void {
  if (!checkCount(found, mounts, limit.MOUNTS_MAX, path)) return;
  for (const [i, { hostPath, containerPath, propagation }] of mounts.entries()) {
    const at = `${path}[${i}]`;
    checkPath(found, `${at}.host_path`, hostPath);
    if (checkPath(found, `${at}.container_path`, containerPath)) {
      const own = OWN_PATHS.has(containerPath) || OWN_FOLDERS.some((folder) => containerPath.startsWith(folder));
      found.check(!own, `${at}.container_path`, `${containerPath} is the node's own`);
      const first = mounts.findIndex((other) => other.containerPath === containerPath);
      found.check(first === i, `${at}.container_path`, `${containerPath} is mounted a second time`);
    }
    const known = propagation === 0 || isMember(MountPropagation, propagation);
    found.check(known, `${at}.propagation`, "is not a value of MountPropagation");
  }
}

function checkPath(found: Violations, field: string, path: string): boolean {
  const bytes = Buffer.byteLength(path);
  if (!found.check(bytes <= limit.PATH_BYTES_MAX, field, `has ${bytes} bytes; at most ${limit.PATH_BYTES_MAX}`)) {
    return false;
  }
  const parts = path.split("/").slice(1);
  const plain = path === "/" || !parts.some((part) => part === "" || part === "." || part === "..");
  const good = path.startsWith("/") && plain && !path.includes("\0");
  return found.check(good, field, 'is not an absolute path without ".", ".." and doubled or closing "/"');
}
