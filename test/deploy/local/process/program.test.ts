import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Program, type ProgramSpec, StartError } from "../../../../deploy/local/process/program.ts";
import { waitUntil } from "../../../../deploy/local/process/wait-until.ts";
import { testFolder } from "../../../support/cleanup.ts";
import { startTicks } from "../../../support/leftovers.ts";

function spec(dir: string, args: string[], more: Partial<ProgramSpec> = {}): ProgramSpec {
  return {
    name: "sleeper",
    command: "sleep",
    args,
    env: process.env,
    logPath: join(dir, "log"),
    isReady: async () => {},
    readyTimeoutMs: 5_000,
    stopSignal: "SIGTERM",
    stopTimeoutMs: 500,
    orphanSignal: "SIGKILL",
    ...more,
  };
}

test("a program is stopped by its signal", async () => {
  await using folder = await testFolder();
  const program = await Program.start(spec(folder.path, ["100"]));
  assert.deepEqual(await program.stop(), { code: null, signal: "SIGTERM" });
  assert.deepEqual(await program.stop(), program.exit);
});

test("one that does not heed its signal is killed", async () => {
  await using folder = await testFolder();
  const deaf = 'process.on("SIGTERM", () => {}); console.log("deaf"); setInterval(() => {}, 1000);';
  const program = await Program.start(
    spec(folder.path, ["-e", deaf], {
      command: process.execPath,
      isReady: async () => {
        if (!(await readFile(join(folder.path, "log"), "utf8")).includes("deaf")) throw new Error("still hears");
      },
    }),
  );
  assert.deepEqual(await program.stop(), { code: null, signal: "SIGKILL" });
});

test("one that ends before it is ready has not started, and the error says how it ended", async () => {
  await using folder = await testFolder();
  const never = { isReady: () => Promise.reject(new Error("no")) };
  await assert.rejects(
    Program.start(spec(folder.path, ["-e", "process.exit(7)"], { command: process.execPath, ...never })),
    (error: Error) => error instanceof StartError && error.exit?.code === 7 && /exit code 7/.test(error.message),
  );
});

test("one that is never ready is stopped again", async () => {
  await using folder = await testFolder();
  let pid = 0;
  await assert.rejects(
    Program.start(
      spec(folder.path, ["100"], {
        readyTimeoutMs: 200,
        isReady: async () => {
          throw new Error("not yet");
        },
      }),
    ).then((program) => (pid = program.pid)),
    /not within 0.2 s: not yet/,
  );
  assert.equal(pid, 0);
});

test("a program does not outlive the process that started it, even one that is killed", async () => {
  await using folder = await testFolder();
  const parent = `
    const { Program } = await import(${JSON.stringify(join(import.meta.dirname, "../../../../deploy/local/process/program.ts"))});
    const program = await Program.start({ ...${JSON.stringify(spec(folder.path, ["100"]))}, env: process.env, isReady: async () => {} });
    console.log(program.pid);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", parent], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let pid = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    pid = Number(line);
    assert.notEqual(startTicks(pid), undefined);
    child.kill("SIGKILL");
  }
  await waitUntil(async () => (startTicks(pid) === undefined ? true : undefined), {
    what: "end of the orphan",
    timeoutMs: 5_000,
  });
});
