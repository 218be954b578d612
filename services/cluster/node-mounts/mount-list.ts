import { createHash } from "node:crypto";
import { MountPropagation, type NodeMount } from "../../../proto/gen/gantry/cluster/v1/node.ts";

const ID_LENGTH = 16;

/** What a mount is called in its node's folder: another one whenever anything of it differs. */
export function mountId({ hostPath, containerPath, readOnly, propagation }: NodeMount): string {
  const text = JSON.stringify([hostPath, containerPath, readOnly, isFollowed(propagation)]);
  return createHash("sha256").update(text).digest("hex").slice(0, ID_LENGTH);
}

/** For the node's script: a line each, of the id, `ro` or `rw`, whether what the host mounts below follows, and the path in the node. */
export function mountList(mounts: readonly NodeMount[]): string {
  return mounts
    .map((mount) => {
      const mode = mount.readOnly ? "ro" : "rw";
      const propagation = isFollowed(mount.propagation) ? "slave" : "private";
      return `${mountId(mount)} ${mode} ${propagation} ${encoded(mount.containerPath)}\n`;
    })
    .join("");
}

function isFollowed(propagation: MountPropagation): boolean {
  return propagation === MountPropagation.MOUNT_PROPAGATION_HOST_TO_CONTAINER;
}

/** As `printf %b` reads it: nothing but letters, digits and what no shell takes for its own stays as it is. */
function encoded(path: string): string {
  return [...Buffer.from(path)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9/._-]/.test(character) ? character : `\\0${byte.toString(8).padStart(3, "0")}`;
    })
    .join("");
}
