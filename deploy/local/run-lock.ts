import { existsSync, ftruncateSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type FileLock, lockFile } from "./process/file-lock.ts";

/** Services that a killed `npm start` left behind are told to end at once, and may take this long. */
const LEFTOVER_WAIT_MS = 15_000;

const lockPath = (dataDir: string): string => join(dataDir, "run.lock");

/** Whether an `npm start` runs with this data folder; waits for the end of what a killed one left. */
export async function isRunning(dataDir: string): Promise<{ pid: number | undefined } | undefined> {
  const path = lockPath(dataDir);
  if (!existsSync(path)) return undefined;
  const owner = Number(readFileSync(path, "utf8")) || undefined;
  const lock = await lockFile(path, owner !== undefined && isAlive(owner) ? 0 : LEFTOVER_WAIT_MS);
  if (!lock) return { pid: owner };
  lock.release();
  return undefined;
}

/**
 * One `npm start` for a data folder; undefined when there is another. The lock is handed on to Redis and the services,
 * so that it is free only when the last of them has ended.
 */
export async function takeRunLock(dataDir: string): Promise<FileLock | undefined> {
  const lock = await lockFile(lockPath(dataDir), 0);
  if (!lock) return undefined;
  ftruncateSync(lock.fd);
  writeSync(lock.fd, `${process.pid}\n`);
  return lock;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
