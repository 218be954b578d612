import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { waitUntil } from "../../../../deploy/local/process/wait-until.ts";
import { Program } from "../../../../deploy/local/process/program.ts";
import { boundLog } from "../../../../deploy/local/supervise/bound-logs.ts";
import { testFolder } from "../../../support/cleanup.ts";

test(
  "a log that has grown too large is moved away while its program goes on writing",
  { timeout: 30_000 },
  async () => {
    await using folder = await testFolder();
    const logPath = join(folder.path, "log");
    const program = await Program.launch({
      name: "talker",
      command: process.execPath,
      args: ["-e", "let n = 0; setInterval(() => console.log(`line ${n++}`), 1)"],
      env: process.env,
      logPath,
      isReady: async () => {},
      readyTimeoutMs: 5_000,
      stopSignal: "SIGTERM",
      stopTimeoutMs: 5_000,
      orphanSignal: "SIGKILL",
    });
    const grown = (): Promise<boolean> =>
      waitUntil(async () => (statSync(logPath).size > 200 ? true : undefined), { what: "lines", timeoutMs: 10_000 });
    try {
      await grown();
      boundLog(logPath, 1_000_000);
      assert.equal(existsSync(`${logPath}.1`), false, "small enough");
      boundLog(logPath, 200);
      await grown();
    } finally {
      await program.stop();
    }
    assert.match(readFileSync(`${logPath}.1`, "utf8"), /^line 0\nline 1\n/);
    const after = readFileSync(logPath, "utf8");
    assert.match(after, /^line \d+\n/, "no hole where the old end was");
    assert.ok(!after.includes("line 0\n"));
  },
);
