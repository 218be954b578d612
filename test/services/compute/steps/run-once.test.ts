import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "node:test";
import { CUT_OFF_EXIT_CODE, runOnce } from "../../../../services/compute/steps/run-once.ts";

class Script implements AsyncDisposable {
  readonly path: string;
  readonly #dir: string;
  readonly #children: ChildProcess[] = [];

  private constructor(dir: string) {
    this.#dir = dir;
    this.path = join(dir, "user-data");
  }

  static async of(text: string): Promise<Script> {
    const script = new Script(await mkdtemp(join(tmpdir(), "run-once-")));
    await writeFile(script.path, text.replaceAll("@", script.path));
    return script;
  }

  start(): ChildProcess {
    // A group of its own: what a container's end takes with it.
    const child = spawn("/bin/sh", ["-c", runOnce(this.path)], { stdio: "ignore", detached: true });
    this.#children.push(child);
    return child;
  }

  async code(child = this.start()): Promise<unknown> {
    return (await once(child, "exit"))[0];
  }

  end(child: ChildProcess): void {
    process.kill(-child.pid!, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null && child.signalCode === null) this.end(child);
    await rm(this.#dir, { recursive: true, force: true });
  }
}

test("the script runs once, and every call gets its exit code", async () => {
  await using script = await Script.of("echo run >> @.ran; sleep 1; exit 7");
  assert.deepEqual(await Promise.all([script.code(), script.code(), script.code()]), [7, 7, 7]);
  assert.equal(await script.code(), 7);
  assert.equal(await readFile(`${script.path}.ran`, "utf8"), "run\n");
});

test("a script that was cut off is told, and is not run again", { timeout: 20_000 }, async () => {
  await using script = await Script.of("echo run >> @.ran; sleep 1000");
  const first = script.start();
  while (!existsSync(`${script.path}.ran`)) await delay(20);
  script.end(first);
  assert.equal(await script.code(), CUT_OFF_EXIT_CODE);
  assert.match(await readFile(`${script.path}.log`, "utf8"), /cut off/);
  assert.equal(await script.code(), CUT_OFF_EXIT_CODE);
  assert.equal(await readFile(`${script.path}.ran`, "utf8"), "run\n");
});

test("who waits goes on waiting while the script runs", async () => {
  await using script = await Script.of("sleep 3; exit 4");
  const first = script.start();
  await delay(200);
  assert.deepEqual(await Promise.all([script.code(first), script.code()]), [4, 4]);
});
