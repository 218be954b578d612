import { stat, statfs } from "node:fs/promises";
import { failedPrecondition } from "../../common/errors/errors.ts";

/** Beyond what is known: what nodes write meanwhile, and for others. */
const SPARE_BYTES = 256 * 1024 ** 2;
const MIB = 1024 ** 2;

/** What is going to be written, less what goes before that. */
export interface Need {
  /** Of the host; there. */
  folder: string;
  bytes: number;
}

/** FAILED_PRECONDITION DISK_FULL where a disk has no room for it. Several may be on the same disk. */
export async function checkSpace(needs: readonly Need[]): Promise<void> {
  const disks = new Map<number, Need>();
  for (const { folder, bytes } of needs) {
    const { dev } = await stat(folder);
    disks.set(dev, { folder, bytes: bytes + (disks.get(dev)?.bytes ?? 0) });
  }
  for (const { folder, bytes } of disks.values()) {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (free >= bytes + SPARE_BYTES) continue;
    const text = `${mib(bytes + SPARE_BYTES)} MiB of the disk of ${folder} are needed for the nodes' state, and ${mib(free)} are free`;
    throw failedPrecondition("DISK_FULL", text, { folder });
  }
}

export function mib(bytes: number): number {
  return Math.ceil(bytes / MIB);
}
