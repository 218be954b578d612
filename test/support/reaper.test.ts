import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { processesWithArgument } from "../../deploy/local/process/processes.ts";
import { waitUntil } from "../../deploy/local/process/wait-until.ts";
import { startTicks } from "./leftovers.ts";

const VICTIM = join(import.meta.dirname, "reaper-victim.ts");
const CLEAN_TIMEOUT_MS = 30_000;

interface Made {
  folders: string[];
  pids: number[];
  engineDir: string;
  /** Addresses of its networks. */
  range: string;
  containerPid: number;
}

test("all that a test made is removed when its process is killed", { timeout: 120_000 }, async () => {
  const victim = spawn(process.execPath, [VICTIM], { stdio: ["ignore", "pipe", "inherit"] });
  let made: Made | undefined;
  for await (const line of createInterface({ input: victim.stdout })) {
    made = JSON.parse(line) as Made;
    victim.kill("SIGKILL");
  }
  assert.ok(made, "the victim started");
  const { folders, pids, engineDir, range, containerPid } = made;
  await waitUntil(async () => (folders.some((folder) => existsSync(folder)) ? undefined : true), {
    what: `removal of ${folders.join(", ")}`,
    timeoutMs: CLEAN_TIMEOUT_MS,
  });
  for (const pid of [...pids, containerPid]) assert.equal(startTicks(pid), undefined, `process ${pid} has ended`);
  assert.doesNotMatch(readFileSync("/proc/self/mountinfo", "utf8"), new RegExp(engineDir));
  const own = range.split(".").slice(0, 2).join(".");
  const addresses = Object.values(networkInterfaces()).flatMap((link) => link ?? []);
  assert.deepEqual(
    addresses.filter(({ address }) => address.startsWith(`${own}.`)),
    [],
  );
  assert.deepEqual(processesWithArgument(join(engineDir, "containerd.sock")), []);
});
