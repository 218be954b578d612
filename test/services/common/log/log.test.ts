import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { failedPrecondition } from "../../../../services/common/errors/errors.ts";
import { createLog, logDestination } from "../../../../services/common/log/log.ts";

function capture(): { lines: string[]; log: ReturnType<typeof createLog> } {
  const lines: string[] = [];
  const log = createLog({
    name: "test",
    level: "info",
    host: "h1",
    destination: { write: (line: string) => void lines.push(line) },
  });
  return { lines, log };
}

test("one JSON object a line, with process, host, level and time", () => {
  const { lines, log } = capture();
  log.info({ a: 1 }, "hello");
  log.debug("not this");
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  assert.deepEqual(
    { process: line["process"], host: line["host"], level: line["level"], msg: line["msg"], a: line["a"] },
    { process: "test", host: "h1", level: "info", msg: "hello", a: 1 },
  );
  assert.ok(Math.abs(Date.parse(String(line["time"])) - Date.now()) < 10_000);
});

test("secrets are blanked by name, three levels deep", () => {
  const { lines, log } = capture();
  const secret = "hunter2";
  log.info(
    {
      token: secret,
      metadata: { authorization: secret },
      spec: { container: { env: { A: secret }, userData: secret } },
    },
    "x",
  );
  log.child({ token: secret }).info("y");
  assert.ok(!lines.join("").includes(secret), lines.join(""));
});

test("an error of a client library does not take its arguments along", () => {
  const { lines, log } = capture();
  const reply = Object.assign(new Error("WRONGTYPE"), { command: { name: "set", args: ["k", "hunter2"] } });
  log.error({ err: new Error("outer", { cause: reply }) }, "failed");
  assert.ok(!lines.join("").includes("hunter2"));
  const { err } = JSON.parse(lines[0] ?? "") as { err: { message: string; stack: string; cause: { message: string } } };
  assert.equal(err.message, "outer");
  assert.equal(err.cause.message, "WRONGTYPE");
  assert.match(err.stack, /log\.test\.ts/);
});

test("what a user's program wrote is not in the log", () => {
  const { lines, log } = capture();
  const error = failedPrecondition("MAIN_PROCESS_ENDED", "it ended", { exitCode: "3", output: "hunter2" });
  log.warn({ err: new Error("outer", { cause: error }) }, "failed");
  assert.ok(!lines.join("").includes("hunter2"));
  assert.match(lines[0] ?? "", /"metadata":\{"exitCode":"3"\}/);
});

test("a full disk ends no process; what could not be written follows when there is space again", (t) => {
  const full = openSync("/dev/full", "w");
  t.after(() => closeSync(full));
  const destination = logDestination(full) as ReturnType<typeof logDestination> & { fd: number };
  const log = createLog({ name: "test", level: "info", destination });
  log.info("first");
  log.info("second");

  const dir = mkdtempSync(join(tmpdir(), "gantry-log-"));
  t.after(() => rmSync(dir, { recursive: true }));
  destination.fd = openSync(join(dir, "log"), "a");
  log.info("third");
  closeSync(destination.fd);
  const messages = readFileSync(join(dir, "log"), "utf8")
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
  assert.deepEqual(messages, ["first", "second", "third"]);
});
