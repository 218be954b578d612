import { readFile } from "node:fs/promises";
import type { Engine } from "../../../common/engine/engine.ts";
import {
  cgroupCounters,
  type CgroupFolders,
  cgroupFolders,
  type CgroupMounts,
  parseCgroupMounts,
} from "./cgroup-counters.ts";
import type { ContainerCounters } from "./counters.ts";
import { engineCounters } from "./engine-counters.ts";

/** A running container, as far as a meter needs to know it. */
export interface Metered {
  id: string;
  /** Of its main process, as the engine counts. */
  pid: number;
  /** 0: no limit. */
  memoryLimitBytes: number;
}

/**
 * Counters of containers: from the kernel's files where this process sees the container's processes (a tenth of a millisecond's
 * work), from the engine elsewhere.
 */
export class ContainerMeter {
  readonly #engine: Engine;
  #mounts: Promise<CgroupMounts> | undefined;
  /** By container and process; undefined where the kernel's files are out of reach. */
  readonly #folders = new Map<string, CgroupFolders | undefined>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Rejects when the container does not run any more. */
  async read(container: Metered, signal: AbortSignal): Promise<ContainerCounters> {
    const folders = await this.#locate(container);
    if (folders) return cgroupCounters(folders, container.pid);
    return engineCounters(this.#engine, container.id, container.memoryLimitBytes, signal);
  }

  /** Forgets what is not among `containers`. */
  retain(containers: readonly Metered[]): void {
    const keys = new Set(containers.map(keyOf));
    for (const key of this.#folders.keys()) if (!keys.has(key)) this.#folders.delete(key);
  }

  async #locate(container: Metered): Promise<CgroupFolders | undefined> {
    const key = keyOf(container);
    if (this.#folders.has(key)) return this.#folders.get(key);
    this.#mounts ??= readFile("/proc/self/mountinfo", "utf8").then(parseCgroupMounts);
    const [mounts, cgroup] = await Promise.all([
      this.#mounts,
      readFile(`/proc/${container.pid}/cgroup`, "utf8").catch(() => ""),
    ]);
    const folders = container.pid > 0 ? cgroupFolders(cgroup, mounts, container.id) : undefined;
    this.#folders.set(key, folders);
    return folders;
  }
}

function keyOf(container: Metered): string {
  return `${container.id}/${container.pid}`;
}
