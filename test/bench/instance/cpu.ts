import { readFile } from "node:fs/promises";

/** Of the kernel's clock for such figures, on every Linux that Node runs on. */
const TICK_MS = 10;

/** Processor time that processes have used, user and system. */
export async function cpuMsOf(pids: Record<string, number>): Promise<Record<string, number>> {
  const used: Record<string, number> = {};
  for (const [name, pid] of Object.entries(pids)) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // Behind the command's name, which may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    used[name] = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }
  return used;
}
