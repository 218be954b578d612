import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { waitUntil } from "../../../../deploy/local/process/wait-until.ts";
import { registerProcess, testFolder } from "../../../support/cleanup.ts";

const READY_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 10_000;

/** A real lxcfs on a mount of its own. Process and mount are gone at the end, however the test ends. */
export interface TestLxcfs extends AsyncDisposable {
  /** Where it is mounted. */
  dir: string;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** Ends and unmounts. */
  stop(): Promise<void>;
}

export async function startLxcfs(): Promise<TestLxcfs> {
  const folder = await testFolder("lxcfs");
  const dir = join(folder.path, "mount");
  await mkdir(dir);
  let stop = async (): Promise<void> => undefined;
  const start = async (): Promise<void> => {
    // Processors are shown as limited only with this option.
    const args = ["--foreground", "--enable-cfs", "--pidfile", join(folder.path, "pid"), dir];
    const child = spawn("lxcfs", args, { stdio: "ignore" });
    await once(child, "spawn");
    const registered = registerProcess(child.pid!);
    const ended = once(child, "exit");
    stop = async () => {
      stop = async () => undefined;
      child.kill("SIGTERM");
      await Promise.race([ended, once(AbortSignal.timeout(END_TIMEOUT_MS), "abort")]);
      await registered.remove();
    };
    await waitUntil(
      async () => ((await readFile(join(dir, "proc/meminfo"), "utf8")).startsWith("MemTotal:") ? true : undefined),
      { what: "lxcfs answers", timeoutMs: READY_TIMEOUT_MS },
    );
  };
  await start();
  return {
    dir,
    start,
    stop: () => stop(),
    async [Symbol.asyncDispose]() {
      await stop();
      await folder.remove();
    },
  };
}
