import { MountPropagation, type Node, type NodeMount } from "../../../proto/gen/gantry/cluster/v1/node.ts";
import type { Violations } from "../../common/names/violations.ts";

type Reserved = Pick<Node, "spec" | "reservation">;

export function isSameMount(a: NodeMount, b: NodeMount): boolean {
  return (
    a.hostPath === b.hostPath &&
    a.containerPath === b.containerPath &&
    a.readOnly === b.readOnly &&
    (a.propagation || NONE) === (b.propagation || NONE)
  );
}

const NONE = MountPropagation.MOUNT_PROPAGATION_NONE;

/**
 * Mounts that the node's container has of its own, and nobody can take away as long as it is there: where mounts were not this process's to make,
 * and those that pass on to the host what the node mounts.
 */
export function containerMounts({ spec, reservation }: Reserved): NodeMount[] {
  const held = reservation?.mounts ?? [];
  return (spec?.mounts ?? []).filter((mount) => !held.some((each) => isSameMount(mount, each)));
}

/** Whether the host's kernel can give it to a node that runs. */
export function isKernelMount({ propagation }: NodeMount): boolean {
  return propagation !== MountPropagation.MOUNT_PROPAGATION_BIDIRECTIONAL;
}

/** What a change of a running node's mounts cannot do. */
export function checkMountChange(
  found: Violations,
  before: Reserved,
  mounts: readonly NodeMount[],
  path: string,
): void {
  const own = containerMounts(before);
  for (const mount of own) {
    if (mounts.some((each) => isSameMount(each, mount))) continue;
    found.add(path, `${mount.containerPath} cannot be taken away or changed: it is mounted with the node's container`);
  }
  for (const [i, mount] of mounts.entries()) {
    const good = isKernelMount(mount) || own.some((each) => isSameMount(each, mount));
    found.check(good, `${path}[${i}].propagation`, "BIDIRECTIONAL only when the node is made");
  }
}

/** Whether the node is to have mounts that it has not. */
export function gainsMounts(before: Reserved, { spec }: Pick<Node, "spec">): boolean {
  const had = before.spec?.mounts ?? [];
  return (spec?.mounts ?? []).some((mount) => !had.some((each) => isSameMount(each, mount)));
}
