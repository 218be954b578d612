import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";

const FREE_BYTES_MIN = 3 * 1024 ** 3;
const FREE_INODES_MIN = 20_000;

/** What is wrong with the place where the data folder is or will be. */
export function diskProblems(dataDir: string): string[] {
  const folder = nearestExisting(dataDir);
  const problems: string[] = [];
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    problems.push(
      `${folder} cannot be written to (${(error as NodeJS.ErrnoException).code}): choose another --data-dir`,
    );
  }
  const { bavail, bsize, ffree, files } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes < FREE_BYTES_MIN) {
    problems.push(`${folder} has ${gigabytes(freeBytes)} free, and at least ${gigabytes(FREE_BYTES_MIN)} are needed`);
  }
  // Some file systems make inodes as they need them, and count none.
  if (files > 0 && ffree < FREE_INODES_MIN) {
    problems.push(`the file system of ${folder} has ${ffree} inodes free, and at least ${FREE_INODES_MIN} are needed`);
  }
  return problems;
}

/** With less than this left, what writes there ends. */
const FULL_BYTES = 4 * 1024 ** 2;

/** What to tell about the end of a program that writes to the data folder; empty while there is space. */
export function fullDisk(dataDir: string): string {
  const { bavail, bsize } = statfsSync(nearestExisting(dataDir));
  return bavail * bsize < FULL_BYTES ? `no space is left on the disk of ${dataDir}` : "";
}

export function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
