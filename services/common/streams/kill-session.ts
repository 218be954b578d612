import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** Between the polite signal and the kill signal. */
const GRACE_MS = 1_000;
const POLL_INTERVAL_MS = 20;

/**
 * Ends the process `pid` of a container and every process of its session: SIGHUP and SIGTERM, then SIGKILL for what is left after 1 s.
 * Nothing is done unless the kernel shows that the process belongs to the container: ids are reused, and an engine elsewhere counts in
 * its own.
 */
export async function killSession(pid: number, containerId: string): Promise<void> {
  if (!(await belongsTo(pid, containerId))) return;
  const members = await sessionMembers(pid);
  for (const member of members) {
    send(member, "SIGHUP");
    send(member, "SIGTERM");
  }
  const deadline = performance.now() + GRACE_MS;
  while (performance.now() < deadline) {
    if ((await sessionMembers(pid)).length === 0) return;
    await delay(POLL_INTERVAL_MS);
  }
  for (const member of await sessionMembers(pid)) send(member, "SIGKILL");
}

async function belongsTo(pid: number, containerId: string): Promise<boolean> {
  const cgroups = await readProc(`/proc/${pid}/cgroup`);
  return cgroups !== undefined && cgroups.includes(containerId);
}

/** Processes of the session that `leader` leads, zombies left out. */
async function sessionMembers(leader: number): Promise<number[]> {
  const members: number[] = [];
  for (const name of await readdir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = await readProc(`/proc/${pid}/stat`);
    if (stat === undefined) continue;
    // Behind the command, which may hold anything: state, parent, process group, session.
    const [state, , , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(session) === leader && state !== "Z") members.push(pid);
  }
  return members;
}

/** Undefined for a process that has ended. */
async function readProc(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
