import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { tearDownNetwork } from "../../deploy/local/engine/network.ts";
import { engineCgroups, removeCgroups } from "../../deploy/local/engine/cgroups.ts";
import type { EngineNetwork } from "../../deploy/local/engine/engine-config.ts";
import { processesWithArgument } from "../../deploy/local/process/processes.ts";
import { runCommand } from "../../deploy/local/process/run-command.ts";
import { waitUntil } from "../../deploy/local/process/wait-until.ts";

/** What tests make outside their own process. */
export type Leftover =
  | { kind: "process"; pid: number; startTicks: string }
  | { kind: "folder"; path: string }
  /** An engine's containers, networks and mounts; its two daemons are processes of their own. */
  | { kind: "engine"; dir: string; network: EngineNetwork };

const END_TIMEOUT_MS = 15_000;
const COMMAND_TIMEOUT_MS = 10_000;

export async function remove(leftover: Leftover): Promise<void> {
  if (leftover.kind === "process") await killProcess(leftover.pid, leftover.startTicks);
  else if (leftover.kind === "folder") await removeFolder(leftover.path);
  else await removeEngine(leftover);
}

/** When the process began, by which a number that was given anew is known. */
export function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

async function killProcess(pid: number, ticks: string): Promise<void> {
  if (startTicks(pid) !== ticks) return;
  kill(pid);
  await waitUntil(async () => (startTicks(pid) === ticks ? undefined : true), {
    what: `end of process ${pid}`,
    timeoutMs: END_TIMEOUT_MS,
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function removeEngine(engine: Extract<Leftover, { kind: "engine" }>): Promise<void> {
  await endContainers(engine.dir, engine.network);
  await tearDownNetwork(engine.network);
  await removeFolder(engine.dir);
}

/** Kills the containers of an engine whose daemons are gone. */
export async function endContainers(engineDir: string, network: EngineNetwork): Promise<void> {
  // Shims first: one that lives would report a killed container to nobody and stay.
  for (const pid of processesWithArgument(join(engineDir, "containerd.sock"))) kill(pid);
  const groups = await engineCgroups(network);
  await waitUntil(
    async () => {
      const pids = groups.flatMap(processesOf);
      for (const pid of pids) kill(pid);
      return pids.length === 0 ? true : undefined;
    },
    { what: `end of the containers in ${engineDir}`, timeoutMs: END_TIMEOUT_MS },
  );
  await removeCgroups(groups);
}

function processesOf(group: string): number[] {
  try {
    return readdirSync(group, { recursive: true, encoding: "utf8" })
      .filter((name) => name.split("/").at(-1) === "cgroup.procs")
      .flatMap((name) => readFileSync(join(group, name), "utf8").split("\n"))
      .filter((line) => line !== "" && line !== "0")
      .map(Number);
  } catch (error) {
    if (["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

export async function removeFolder(path: string): Promise<void> {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${path}/`));
  for (const point of mounts.toReversed()) {
    await runCommand("umount", ["--lazy", point], { timeoutMs: COMMAND_TIMEOUT_MS });
  }
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}
