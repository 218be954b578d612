import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Operation } from "../../../../proto/gen/google/longrunning/operations.ts";
import { startRedis, type TestRedis } from "../../../support/redis.ts";
import type { ChildOptions } from "./support/child.ts";
import { events, planDeath, STEPS } from "./support/file-job.ts";
import { metadataOf, Platform } from "./support/platform.ts";

/** From the process being back to the end of the operation. */
const RECOVERY_MAX_MS = 15_000;
const DEATHS_MAX = 3;

let redis: TestRedis;
let front: Platform;
let folder: string;
before(async () => {
  redis = await startRedis();
  folder = await mkdtemp(join(tmpdir(), "jobs-kill-"));
  front = await Platform.start({ redisUrl: redis.url });
});
after(async () => {
  await front[Symbol.asyncDispose]();
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Starts the worker process again each time it died. */
class Supervised {
  deaths = 0;
  startedAtMs = 0;
  readonly #options: ChildOptions;
  #child!: ChildProcess;
  #stopped = false;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#start();
  }

  #start(): void {
    this.startedAtMs = performance.now();
    const file = new URL("./support/child.ts", import.meta.url).pathname;
    this.#child = spawn(process.execPath, [file, JSON.stringify(this.#options)], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.#child.once("exit", (_, signal) => {
      if (this.#stopped) return;
      assert.equal(signal, "SIGKILL");
      this.deaths += 1;
      assert.ok(this.deaths <= DEATHS_MAX, "the worker dies too often");
      this.#start();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const exited = once(this.#child, "exit");
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill("SIGTERM");
      await exited;
    }
  }
}

interface Outcome {
  operation: Operation;
  dir: string;
  deaths: number;
  recoveryMs: number;
}

async function killAt(place: string, times: number, broken: boolean): Promise<Outcome> {
  const host = `${place}-${times}`;
  const dir = join(folder, host);
  mkdirSync(dir);
  planDeath(dir, place, times);
  const operation = await front.submit(host, { job: "file" }, host);
  const worker = new Supervised({ redisUrl: redis.url, host, dataDir: join(dir, "data"), dir, broken });
  try {
    const ended = await front.ended(operation, 90_000);
    return { operation: ended, dir, deaths: worker.deaths, recoveryMs: performance.now() - worker.startedAtMs };
  } finally {
    await worker.stop();
  }
}

/** What the steps did: only the one that was killed ran again, once for each kill. */
function expected(place: string, times: number, broken: boolean): string[] {
  const lines = STEPS.map((step) => `do ${step}`);
  if (broken) lines.push(...STEPS.toReversed().map((step) => `undo ${step}`));
  const [direction, step] = place.split("-");
  return lines.flatMap((line) => Array.from({ length: line === `${direction} ${step}` ? 1 + times : 1 }, () => line));
}

const cases = ["do", "undo"].flatMap((direction) =>
  STEPS.flatMap((step) =>
    ["half", "after"].flatMap((point) =>
      [1, 2].map((times) => ({ place: `${direction}-${step}-${point}`, times, broken: direction === "undo" })),
    ),
  ),
);

// The time to recover is what is measured: no more processes at once than leave the processors free for it.
describe("kill -9 of the worker process", { concurrency: 3 }, () => {
  for (const { place, times, broken } of cases) {
    test(`at ${place}, ${times === 1 ? "once" : "twice in a row"}`, async (context) => {
      const { operation, dir, deaths, recoveryMs } = await killAt(place, times, broken);
      assert.equal(deaths, times);
      assert.equal(operation.result?.$case, broken ? "error" : "response");
      assert.deepEqual(events(dir), expected(place, times, broken));
      const made = join(dir, "made");
      const left = existsSync(made) ? readdirSync(made).sort() : [];
      assert.deepEqual(left, broken ? [] : [...STEPS].sort());
      for (const step of left) assert.equal(readFileSync(join(made, step, "file"), "utf8"), step);
      assert.equal(metadataOf(operation).resumes, times);
      context.diagnostic(`ended ${Math.round(recoveryMs)} ms after the process was back`);
      assert.ok(recoveryMs < RECOVERY_MAX_MS, `took ${recoveryMs} ms`);
    });
  }
});
