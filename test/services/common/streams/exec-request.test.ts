import assert from "node:assert/strict";
import { test } from "node:test";
import { ExecStart } from "../../../../proto/gen/gantry/compute/v1/compute.ts";
import type { GantryError } from "../../../../services/common/errors/errors.ts";
import { execOptions, inputOf } from "../../../../services/common/streams/exec-request.ts";

function wrong(start: Parameters<typeof ExecStart.fromPartial>[0]): string[] {
  try {
    execOptions(ExecStart.fromPartial(start));
    return [];
  } catch (error) {
    return (error as GantryError).violations.map(({ field }) => field.replace("start.", ""));
  }
}

const words = (count: number): string[] => Array.from({ length: count }, () => "x");
const size = { columns: 80, rows: 24 };

const cases: [string, Parameters<typeof ExecStart.fromPartial>[0], string[]][] = [
  ["256 words", { command: words(256) }, []],
  ["no command", {}, ["command"]],
  ["257 words", { command: words(257) }, ["command"]],
  ["an empty program", { command: [""] }, ["command[0]"]],
  ["words too long", { command: ["x".repeat(128 * 1024), "y"] }, ["command"]],
  ["a zero byte in a word", { command: ["a", "b\0"] }, ["command[1]"]],
  ["names and values of variables", { command: ["a"], env: { "A-B": "1", C: "\0" } }, ['env["A-B"]', 'env["C"]']],
  ["a size without a terminal", { command: ["a"], size }, ["size"]],
  ["a size", { command: ["a"], tty: true, size }, []],
  [
    "a size out of bounds",
    { command: ["a"], tty: true, size: { columns: 0, rows: 65_536 } },
    ["size.columns", "size.rows"],
  ],
  ["a user", { command: ["a"], user: "1000:1000" }, []],
  ["no user", { command: ["a"], user: "a b" }, ["user"]],
  ["a relative folder", { command: ["a"], workingDir: "tmp" }, ["working_dir"]],
  ["a folder with a zero byte", { command: ["a"], workingDir: "/a\0b" }, ["working_dir"]],
  ["a folder whose path is too long", { command: ["a"], workingDir: `/${"x".repeat(4096)}` }, ["working_dir"]],
];
for (const [what, start, fields] of cases) test(what, () => assert.deepEqual(wrong(start), fields));

test("input: at most 1 MiB at once, and only where it was announced", () => {
  const stdin = (bytes: number) => ({ input: { $case: "stdin" as const, value: Buffer.alloc(bytes) } });
  assert.equal(inputOf(stdin(1024 * 1024), true).type, "data");
  assert.throws(() => inputOf(stdin(1024 * 1024 + 1), true), { reason: "INVALID_ARGUMENT" });
  assert.throws(() => inputOf(stdin(1), false), { reason: "INVALID_ARGUMENT" });
});
