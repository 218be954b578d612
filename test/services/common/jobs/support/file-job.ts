import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Job } from "../../../../../services/common/jobs/api.ts";
import { internal } from "../../../../../services/common/errors/errors.ts";
import { step, testJob, type TestStep } from "./platform.ts";

export const STEPS = ["one", "two", "three"] as const;

/**
 * A job whose steps write files, and die where told: at a place (`do-two-half`) the process kills itself with SIGKILL once for each file
 * `die/<place>.<n>`, which it removes first. `broken` makes the last step fail for good, after its half.
 */
export function fileJob(dir: string, broken: boolean): Job {
  const steps = STEPS.map((name): TestStep => {
    const work = async (): Promise<void> => {
      note(dir, `do ${name}`);
      mkdirSync(join(dir, "made", name), { recursive: true });
      dieAt(dir, `do-${name}-half`);
      if (broken && name === STEPS.at(-1)) throw internal("BROKEN", "the last step fails");
      writeFileSync(join(dir, "made", name, "file"), name);
      dieAt(dir, `do-${name}-after`);
    };
    const undo = async (): Promise<void> => {
      note(dir, `undo ${name}`);
      rmSync(join(dir, "made", name, "file"), { force: true });
      dieAt(dir, `undo-${name}-half`);
      rmSync(join(dir, "made", name), { recursive: true, force: true });
      dieAt(dir, `undo-${name}-after`);
    };
    return step(name, work, undo);
  });
  return testJob("file", steps);
}

export function planDeath(dir: string, place: string, times: number): void {
  mkdirSync(join(dir, "die"), { recursive: true });
  for (let n = 0; n < times; n += 1) writeFileSync(join(dir, "die", `${place}.${n}`), "");
}

/** Which steps ran, in order, over all processes. */
export function events(dir: string): string[] {
  return readFileSync(join(dir, "events"), "utf8").trim().split("\n");
}

/** A job of many short steps, most begun beside their writes, that note their beginning and end with the process they run in. */
export function busyJob(dir: string): Job {
  const steps = Array.from({ length: 20 }, (_, i): TestStep =>
    step(
      `step-${i}`,
      async (ctx) => {
        note(dir, `begin ${process.pid} ${i}`);
        await delay(100, undefined, { signal: ctx.signal });
        note(dir, `end ${process.pid} ${i}`);
      },
      undefined,
      { beginsBeside: i % 4 !== 0 },
    ),
  );
  return testJob("busy", steps);
}

function note(dir: string, line: string): void {
  appendFileSync(join(dir, "events"), `${line}\n`);
}

function dieAt(dir: string, place: string): void {
  for (let n = 0; n < 2; n += 1) {
    const token = join(dir, "die", `${place}.${n}`);
    if (!existsSync(token)) continue;
    unlinkSync(token);
    process.kill(process.pid, "SIGKILL");
  }
}
