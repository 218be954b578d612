import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const SHIM = /containerd-shim/;
const PID = /^\d+$/;
const READ_PARALLEL = 64;
const END_TIMEOUT_MS = 2_000;
const END_INTERVAL_MS = 20;

/**
 * An engine that is killed while it starts a container can leave the container's supervisor (containerd's shim) behind, without a process in
 * it. The engine does not know of it, cannot remove it, and refuses to start the container for as long as it lives. When it ends,
 * containerd clears away what belongs to it. Only for a container that the engine says does not run. Returns how many were ended; none
 * where this process does not see the engine's processes.
 */
export async function endOrphanShims(containerId: string): Promise<number> {
  const pids = (await readdir("/proc")).filter((name) => PID.test(name));
  let ended = 0;
  for (let at = 0; at < pids.length; at += READ_PARALLEL) {
    const batch = pids.slice(at, at + READ_PARALLEL);
    const found = await Promise.all(batch.map((pid) => isShimOf(pid, containerId)));
    for (const pid of batch.filter((_, index) => found[index])) {
      process.kill(Number(pid), "SIGKILL");
      await hasEnded(pid, containerId);
      ended++;
    }
  }
  return ended;
}

async function isShimOf(pid: string, containerId: string): Promise<boolean> {
  // Processes come and go while one looks.
  const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
  const at = words.indexOf("-id");
  return SHIM.test(words[0] ?? "") && at !== -1 && words[at + 1] === containerId;
}

async function hasEnded(pid: string, containerId: string): Promise<void> {
  const endMs = performance.now() + END_TIMEOUT_MS;
  while (performance.now() < endMs && (await isShimOf(pid, containerId))) await delay(END_INTERVAL_MS);
}
