import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tinyProgram } from "../../../../deploy/local/engine/tiny-program.ts";

test("the trial program is one that this kernel runs to its end", () => {
  const dir = mkdtempSync(join(tmpdir(), "gantry-tiny-"));
  try {
    const file = join(dir, "exit");
    writeFileSync(file, tinyProgram(arch()), { mode: 0o755 });
    assert.equal(spawnSync(file).status, 0);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("both processors have one, others are refused by name", () => {
  assert.equal(tinyProgram("arm64").readUInt16LE(18), 183);
  assert.equal(tinyProgram("x64").readUInt16LE(18), 62);
  assert.throws(() => tinyProgram("mips"), /mips/);
});
