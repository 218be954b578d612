import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Leftover, remove, startTicks } from "./leftovers.ts";

let reaper: ChildProcess | undefined;
let lastId = 0;

export interface Registered {
  /** Removes it now. */
  remove(): Promise<void>;
  /** It is gone already. */
  forget(): void;
}

/** Has something removed when it is no longer needed: by `remove`, or else when this process ends, however it ends. */
export function register(made: Leftover): Registered {
  const id = ++lastId;
  tell({ id, made });
  const forget = (): void => tell({ id });
  return {
    forget,
    remove: async () => {
      await remove(made);
      forget();
    },
  };
}

export function registerProcess(pid: number): Registered {
  const ticks = startTicks(pid);
  return register({ kind: "process", pid, startTicks: ticks ?? "ended" });
}

export interface TestFolder extends AsyncDisposable {
  path: string;
  remove(): Promise<void>;
}

/** A new folder with a short name, as paths of sockets need it. */
export async function testFolder(what = "t"): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), `gantry-test-${what}-`));
  const registered = register({ kind: "folder", path });
  return { path, remove: registered.remove, [Symbol.asyncDispose]: registered.remove };
}

function tell(message: { id: number; made?: Leftover }): void {
  reaper ??= startReaper();
  reaper.stdin?.write(`${JSON.stringify(message)}\n`);
}

function startReaper(): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, "reaper.ts")], {
    stdio: ["pipe", "ignore", "inherit"],
    detached: true,
  });
  // It lives until this process is gone, and must not keep it alive.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}
