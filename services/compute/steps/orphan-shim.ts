import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { parseStat } from "./process-stat.ts";

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
  const pids = await shimsOf(containerId);
  for (const pid of pids) {
    process.kill(Number(pid), "SIGKILL");
    await hasEnded(pid, containerId);
  }
  return pids.length;
}

export async function hasShim(containerId: string): Promise<boolean> {
  return (await shimsOf(containerId)).length > 0;
}

/** Whether the container has a supervisor with a process in it, whatever the engine says. False where this process does not see them. */
export async function hasLivingProcess(containerId: string): Promise<boolean> {
  const shims = new Set(await shimsOf(containerId));
  if (shims.size === 0) return false;
  const stats = await readAll("stat");
  return stats.some(({ text }) => {
    const stat = parseStat(text);
    return stat !== undefined && stat.lives && shims.has(stat.parent);
  });
}

async function shimsOf(containerId: string): Promise<string[]> {
  return (await readAll("cmdline")).filter(({ text }) => isShimOf(text, containerId)).map(({ pid }) => pid);
}

/** A file of every process; empty text for one that has ended: processes come and go while one looks. */
async function readAll(file: "cmdline" | "stat"): Promise<{ pid: string; text: string }[]> {
  const pids = (await readdir("/proc")).filter((name) => PID.test(name));
  const found: { pid: string; text: string }[] = [];
  for (let at = 0; at < pids.length; at += READ_PARALLEL) {
    const batch = pids.slice(at, at + READ_PARALLEL);
    found.push(...(await Promise.all(batch.map(async (pid) => ({ pid, text: await read(pid, file) })))));
  }
  return found;
}

function read(pid: string, file: "cmdline" | "stat"): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
}

function isShimOf(commandLine: string, containerId: string): boolean {
  const words = commandLine.split("\0");
  const at = words.indexOf("-id");
  return SHIM.test(words[0] ?? "") && at !== -1 && words[at + 1] === containerId;
}

async function hasEnded(pid: string, containerId: string): Promise<void> {
  const endMs = performance.now() + END_TIMEOUT_MS;
  while (performance.now() < endMs && isShimOf(await read(pid, "cmdline"), containerId)) await delay(END_INTERVAL_MS);
}
