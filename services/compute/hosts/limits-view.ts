import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ViewMount } from "../instances/container-options.ts";

/** Files of /proc in which a container would see the whole host. */
const PROC_FILES: ReadonlySet<string> = new Set([
  "cpuinfo",
  "diskstats",
  "loadavg",
  "meminfo",
  "stat",
  "swaps",
  "uptime",
]);
const CPU_FOLDER = "/sys/devices/system/cpu";
/** What does not answer in that time counts as absent. */
const ANSWER_TIMEOUT_MS = 2_000;

/**
 * What the host's lxcfs at `dir` offers to be mounted into containers, so that they see their own limits. Looked up each time: lxcfs may
 * come and go while the host is up.
 */
export class LimitsView {
  readonly #dir: string;
  #looking: Promise<ViewMount[]> | undefined;

  /** `dir`: where lxcfs is mounted. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Rejects, with the reason, when lxcfs is not there, does not answer in 2 s, or does not show a meminfo. */
  async look(): Promise<ViewMount[]> {
    // A file system in user space may hang, and each read that hangs holds one of the process's few threads: so one at a time.
    this.#looking ??= look(this.#dir).finally(() => (this.#looking = undefined));
    const timer = new AbortController();
    const late = delay(ANSWER_TIMEOUT_MS, undefined, { signal: timer.signal }).then(() => {
      throw new Error(`${this.#dir} does not answer within ${ANSWER_TIMEOUT_MS} ms`);
    });
    try {
      return await Promise.race([this.#looking, late]);
    } finally {
      timer.abort();
      // Ends with the abort; who asked has the answer.
      late.catch(() => undefined);
    }
  }

  /** As `look`; nothing where lxcfs cannot be used. */
  mounts(): Promise<ViewMount[]> {
    return this.look().catch(() => []);
  }
}

async function look(dir: string): Promise<ViewMount[]> {
  const proc = join(dir, "proc");
  const meminfo = join(proc, "meminfo");
  const text = await readFile(meminfo, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ENOENT" ? new Error(`${meminfo} is not there`) : error;
  });
  if (!text.startsWith("MemTotal:")) throw new Error(`${meminfo} does not read as meminfo`);
  const files = (await readdir(proc)).filter((name) => PROC_FILES.has(name)).toSorted();
  const mounts = files.map((name) => ({ source: join(proc, name), target: `/proc/${name}` }));
  const cpus = join(dir, CPU_FOLDER);
  const hasCpus = await access(join(cpus, "online")).then(
    () => true,
    () => false,
  );
  return hasCpus ? [...mounts, { source: cpus, target: CPU_FOLDER }] : mounts;
}
