import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

export interface FileLock {
  /** The locked file: a child that inherits it keeps the lock for as long as it lives. */
  fd: number;
  release(): void;
}

/**
 * Takes an exclusive lock (flock) on `path`, which the kernel gives back whenever its last holder ends, however it
 * ends. Undefined when another holds it for longer than `waitMs`.
 */
export async function lockFile(path: string, waitMs: number): Promise<FileLock | undefined> {
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, "a", 0o600);
  const wait = waitMs > 0 ? ["-w", String(waitMs / 1000)] : ["-n"];
  // flock locks the open file it is given, which is ours: it stays locked when flock has ended.
  const child = spawn("flock", ["-x", ...wait, "3"], { stdio: ["ignore", "ignore", "pipe", fd] });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  }).catch((error: unknown) => {
    closeSync(fd);
    throw error;
  });
  if (code === 0) return { fd, release: () => closeSync(fd) };
  closeSync(fd);
  if (code === 1 && said === "") return undefined;
  throw new Error(`flock of ${path} failed: ${said.trim()}`);
}

/** Runs `work` while holding the lock on `path`. */
export async function withFileLock<T>(path: string, waitMs: number, work: () => Promise<T>): Promise<T> {
  const lock = await lockFile(path, waitMs);
  if (!lock) throw new Error(`${path} is locked by another process for more than ${waitMs / 1000} s`);
  try {
    return await work();
  } finally {
    lock.release();
  }
}
