import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startRedis } from "../../../support/redis.ts";
import type { ChildOptions } from "./support/child.ts";
import { events } from "./support/file-job.ts";
import { HOST, Platform } from "./support/platform.ts";
import { until } from "./support/until.ts";

const TAKEOVER_MAX_MS = 15_000;

function startChild(options: ChildOptions): ChildProcess {
  const file = new URL("./support/child.ts", import.meta.url).pathname;
  return spawn(process.execPath, [file, JSON.stringify(options)], { stdio: ["ignore", "ignore", "inherit"] });
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, "exit");
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await exited;
}

/** Pid of the process that began the last step. */
function worker(dir: string): number {
  return Number(events(dir).at(-1)!.split(" ")[1]);
}

test("of three workers on one queue one works; another takes over when it is killed or hangs; no step ever runs beside another", async () => {
  await using redis = await startRedis();
  const dir = await mkdtemp(join(tmpdir(), "jobs-standby-"));
  await using front = await Platform.start({ redisUrl: redis.url });
  const options = { redisUrl: redis.url, host: HOST, dir, broken: false };
  const children = [1, 2, 3].map((n) => startChild({ ...options, dataDir: join(dir, `data-${n}`) }));
  try {
    const operation = await front.submit("web", { job: "busy" });
    const begun = (): boolean => existsSync(join(dir, "events")) && events(dir).length > 4;
    await until(begun, "the first works");

    const first = children.find(({ pid }) => pid === worker(dir))!;
    await kill(first, "SIGKILL");
    const killedAt = performance.now();
    await until(() => worker(dir) !== first.pid, "the second works");
    assert.ok(performance.now() - killedAt < TAKEOVER_MAX_MS);

    // Frozen for longer than its lease, and then awake again: it must not go on as if it still held it.
    const second = children.find(({ pid }) => pid === worker(dir))!;
    second.kill("SIGSTOP");
    const third = children.find((child) => child !== first && child !== second)!;
    await until(() => worker(dir) === third.pid, "the third works");
    second.kill("SIGCONT");

    assert.equal((await front.ended(operation, 30_000)).result?.$case, "response");
    const runs = events(dir).map((line) => line.split(" ") as [string, string, string]);
    const finished = runs.filter(([event, pid]) => event === "end" && Number(pid) !== second.pid);
    assert.deepEqual(
      [...new Set(runs.filter(([event]) => event === "end").map(([, , step]) => Number(step)))],
      Array.from({ length: 20 }, (_, i) => i),
    );
    // Nothing of the frozen one after the third began: its step was under way, no other may have begun.
    const tookOver = runs.findIndex(([, pid]) => Number(pid) === third.pid);
    assert.deepEqual(
      runs.slice(tookOver).filter(([event, pid]) => event === "begin" && Number(pid) !== third.pid),
      [],
    );
    // Those that nobody interrupted ran to their end before the next began.
    for (const [at, [event, pid, step]] of runs.entries()) {
      const next = runs[at + 1];
      if (event === "begin" && next && next[1] === pid) assert.deepEqual(next, ["end", pid, step]);
    }
    assert.ok(finished.length >= 18);
  } finally {
    for (const child of children) {
      child.kill("SIGCONT");
      await kill(child, "SIGTERM");
    }
    await rm(dir, { recursive: true, force: true });
  }
});
