import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { nearestExisting } from "./disk.ts";
import { runCommand } from "../process/run-command.ts";

const COMMAND_TIMEOUT_MS = 10_000;
const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
const CONTROLLERS = ["cpu", "memory", "pids"];

/** What a container engine of our own would miss in this kernel. */
export async function kernelProblems(dataDir: string): Promise<string[]> {
  const problems: string[] = [];
  const absent = NAMESPACES.filter((name) => !existsSync(`/proc/self/ns/${name}`));
  if (absent.length > 0) problems.push(`the kernel has no ${absent.join(", ")} namespaces, which containers need`);
  const controllers = cgroupControllers();
  const missing = CONTROLLERS.filter((name) => !controllers.has(name));
  if (missing.length > 0)
    problems.push(`the cgroup controllers ${missing.join(", ")} are not there, which containers need`);
  const overlay = await tryOverlay(nearestExisting(dataDir));
  if (overlay !== undefined) problems.push(`overlayfs cannot be mounted, which images need: ${overlay}`);
  return problems;
}

/** Of version 2 where it is in charge, else of the mounted hierarchies of version 1. */
function cgroupControllers(): Set<string> {
  const unified = "/sys/fs/cgroup/cgroup.controllers";
  if (existsSync(unified)) return new Set(readFileSync(unified, "utf8").trim().split(" "));
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  return new Set(mounts.filter(([, , type]) => type === "cgroup").flatMap(([, , , options]) => options!.split(",")));
}

/** On the file system that the engine's images will be on. */
async function tryOverlay(folder: string): Promise<string | undefined> {
  const dir = await mkdtemp(join(folder, ".gantry-overlay-"));
  const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) => join(dir, name));
  try {
    for (const path of [lower, upper, work, merged]) await mkdir(path!);
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    await runCommand("mount", ["-t", "overlay", "overlay", "-o", options, merged!], { timeoutMs: COMMAND_TIMEOUT_MS });
    await runCommand("umount", [merged!], { timeoutMs: COMMAND_TIMEOUT_MS });
    return undefined;
  } catch (error) {
    return (error as Error).message.split("\n").at(-1);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
