import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;
/** Columns of the line `cpu` of /proc/stat: user, nice, system. Time of interrupts is nobody's. */
const USED = [1, 2, 3];

/** Processor time of one process so far: user and system. */
export function cpuMsOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
}

/** Processor time that the machine's other processes take while one measures: a share of one processor, from `begin` on. */
export class Others {
  readonly #pids: () => readonly number[];
  #atMs = 0;
  #usedMs = 0;

  /** `pids`: the measurement's own. */
  constructor(pids: () => readonly number[]) {
    this.#pids = pids;
  }

  begin(): void {
    this.#atMs = performance.now();
    this.#usedMs = this.#used();
  }

  get percent(): number {
    return Math.max(0, ((this.#used() - this.#usedMs) * 100) / (performance.now() - this.#atMs));
  }

  #used(): number {
    const fields = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!.split(/\s+/);
    const all = USED.reduce((sum, column) => sum + Number(fields[column]), 0);
    return (all * 1_000) / TICKS_PER_SECOND - this.#pids().reduce((sum, pid) => sum + cpuMsOf(pid), 0);
  }
}
