import { readFileSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";

/** What a process without the right to it is told, and what one that has just ended is. */
const NOT_ALLOWED: ReadonlySet<string | undefined> = new Set(["EACCES", "EPERM", "ESRCH", "ENOENT"]);

/**
 * Gives a program that has just been started in a session of its own this niceness: the threads and children it makes from now on
 * inherit it. Only root may give one below 0; false when it was not allowed, and the program runs with the usual one.
 */
export function setNiceness(pid: number, nice: number): boolean {
  try {
    setPriority(pid, nice);
    // Where the kernel shares the processors among sessions, niceness counts only inside one: the session has a niceness of its own.
    const group = `/proc/${pid}/autogroup`;
    if (sharesAmongSessions()) writeFileSync(group, String(nice));
    return true;
  } catch (error) {
    const { code, info } = error as NodeJS.ErrnoException & { info?: { code: string } };
    if (NOT_ALLOWED.has(info?.code ?? code)) return false;
    throw error;
  }
}

function sharesAmongSessions(): boolean {
  try {
    return readFileSync("/proc/sys/kernel/sched_autogroup_enabled", "utf8").trim() === "1";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
