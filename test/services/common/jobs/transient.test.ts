import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import {
  deadlineExceeded,
  etagMismatch,
  GantryError,
  internal,
  notFound,
  unavailable,
} from "../../../../services/common/errors/errors.ts";
import { isFenced, isTransient } from "../../../../services/common/jobs/transient.ts";

const fenced = new GantryError(Code.ABORTED, "the lease has passed on", { reason: "FENCED" });

const cases: [string, unknown, boolean][] = [
  ["unavailable", unavailable("ENGINE_AWAY", "the engine is not reachable"), true],
  ["deadline", deadlineExceeded("too slow"), true],
  ["lost race", new GantryError(Code.ABORTED, "changed meanwhile", { reason: "CONFLICT" }), true],
  ["etag", etagMismatch("projects/p/instances/a", "x"), false],
  ["fenced", fenced, false],
  ["fenced but unavailable", new GantryError(Code.UNAVAILABLE, "fenced", { reason: "FENCED" }), false],
  ["not found", notFound("x"), false],
  ["internal", internal("BROKEN", "broken"), false],
  ["plain error", new Error("nope"), false],
  ["no error at all", "text", false],
  ["file that is missing", Object.assign(new Error("ENOENT"), { code: "ENOENT", syscall: "open" }), false],
  ["reset", Object.assign(new Error("x"), { code: "ECONNRESET" }), true],
  ["cause", new Error("outer", { cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }) }), true],
  ["verdict above a cause", internal("X", "x", Object.assign(new Error("x"), { code: "ECONNRESET" })), false],
  ["redis gone", new Error("Connection is closed."), true],
];

for (const [name, error, transient] of cases) {
  test(`${name} is ${transient ? "" : "not "}transient`, () => assert.equal(isTransient(error), transient));
}

test("a socket that is not there is transient, as node reports it", async () => {
  const error = await new Promise((resolve) => connect("/nonexistent/engine.sock").on("error", resolve));
  assert.equal(isTransient(error), true);
});

test("only FENCED is fenced", () => {
  assert.equal(isFenced(fenced), true);
  assert.equal(isFenced(notFound("x")), false);
});
