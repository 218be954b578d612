import { statfsSync } from "node:fs";

/** Refuses before anything is begun. */
export function requireFreeSpace(folder: string, bytes: number, what: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= bytes) return;
  throw new Error(`${what} needs ${gibibytes(bytes)} free in ${folder}, and there are ${gibibytes(bavail * bsize)}`);
}

function gibibytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
