import { join } from "node:path";
import type { Node } from "../../../proto/gen/gantry/cluster/v1/node.ts";

/** Of a snapshot or, for as long as it is made, a fork: what `uid` is the uid of. */
export function captureFolder(dataDir: string, uid: string): string {
  return join(dataDir, "cluster-snapshots", uid);
}

/** What is kept of one node. */
export interface NodeFolder {
  folder: string;
  /** Its `/var` while it ran, as an archive. */
  base: string;
  /** What had changed when all stood still, as an archive to be unpacked over it. */
  delta: string;
  /** What tar remembers from the one to the other. */
  state: string;
  /** Folders of the container itself, one archive each. */
  roots: { path: string; archive: string }[];
  /** Id of the image that all of it belongs to. */
  image: string;
}

/** Everything of it that is put back. */
export function archivesOf({ base, delta, roots }: NodeFolder): string[] {
  return [base, delta, ...roots.map(({ archive }) => archive)];
}

/** Where a node has state beside `/var`. */
export const ROOTS = ["/etc", "/kind"] as const;

/** By its name in Kubernetes, which a fork's node keeps. */
export function nodeFolder(capture: string, { reservation }: Node): NodeFolder {
  const folder = join(capture, reservation!.kubernetesName);
  return {
    folder,
    base: join(folder, "var.tar"),
    delta: join(folder, "var-delta.tar"),
    state: join(folder, "var.state"),
    roots: ROOTS.map((path) => ({ path, archive: join(folder, `${path.slice(1)}.tar`) })),
    image: join(folder, "image-id"),
  };
}
