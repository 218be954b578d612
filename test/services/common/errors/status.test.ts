import assert from "node:assert/strict";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { GantryError, invalidArgument, notFound } from "../../../../services/common/errors/errors.ts";
import { fromRpcStatus, fromServiceError, toRpcStatus, toStatus } from "../../../../services/common/errors/status.ts";
import { Status } from "../../../../proto/gen/google/rpc/status.ts";

const unexpected = () => assert.fail("must not be reported");

test("there and back: code, message, reason, metadata, every violation", () => {
  const violations = [
    { field: "instance.spec.env", description: "too long" },
    { field: "instance_id", description: "bad ü" },
  ];
  const error = new GantryError(Code.INVALID_ARGUMENT, "bad ü\n% line", {
    reason: "X_Y",
    metadata: { a: "b" },
    violations,
  });
  for (const back of [fromServiceError(toStatus(error, unexpected)), fromRpcStatus(toRpcStatus(error, unexpected))]) {
    const { code, message, reason, metadata } = back;
    assert.deepEqual(
      { code, message, reason, metadata: { ...metadata }, violations: back.violations },
      { code: Code.INVALID_ARGUMENT, message: "bad ü\n% line", reason: "X_Y", metadata: { a: "b" }, violations },
    );
  }
});

test("each detail type once, with the domain", () => {
  const { details } = toRpcStatus(
    invalidArgument([
      { field: "a", description: "b" },
      { field: "c", description: "d" },
    ]),
    unexpected,
  );
  assert.deepEqual(
    details.map(({ typeUrl }) => typeUrl),
    ["type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.BadRequest"],
  );
  assert.match(Buffer.from(details[0]?.value ?? "").toString(), /gantry\.dev/);
});

test("an unknown error is reported whole and sent as an id", () => {
  const reports: [unknown, string][] = [];
  const cause = new Error("password=hunter2");
  const status = toStatus(cause, (error, id) => reports.push([error, id]));
  assert.equal(status.code, Code.INTERNAL);
  assert.equal(reports.length, 1);
  const [[reported, id]] = reports as [[unknown, string]];
  assert.equal(reported, cause);
  assert.ok(status.details.includes(id));
  assert.ok(!JSON.stringify([status.details, status.metadata.toJSON()]).includes("hunter2"));
  assert.deepEqual({ ...fromServiceError(status).metadata }, { errorId: id });
});

test("trailers stay under 8 KB however many fields are bad, and say how many are left out", () => {
  const violations = Array.from({ length: 1_000 }, (_, i) => ({ field: `field_${i}`, description: "x".repeat(50) }));
  const status = toStatus(invalidArgument(violations), unexpected);
  const bytes = status.metadata.get("grpc-status-details-bin")[0] as Buffer;
  assert.ok((bytes.length * 4) / 3 + encodeURI(status.details).length < 8_000);
  const back = fromServiceError(status);
  assert.ok(back.violations.length > 20);
  assert.equal(Number(back.metadata["omittedViolations"]), 1_000 - back.violations.length);
  assert.equal(fromRpcStatus(toRpcStatus(invalidArgument(violations), unexpected)).violations.length >= 500, true);
});

test("half a surrogate pair does not break the sending", () => {
  const status = toStatus(notFound("a\ud800b"), unexpected);
  assert.doesNotThrow(() => encodeURI(status.details));
});

test("errors of other makers get the name of their code as reason", () => {
  const plain = Object.assign(new Error("14 UNAVAILABLE: gone"), {
    code: 14,
    details: "gone",
    metadata: toStatus(notFound("x"), unexpected).metadata,
  });
  // The details belong to another code: not believed.
  const { code, reason, message } = fromServiceError(plain);
  assert.deepEqual({ code, reason, message }, { code: 14, reason: "UNAVAILABLE", message: "gone" });
  assert.equal(fromServiceError(new Error("odd")).code, Code.UNKNOWN);
  assert.equal(fromRpcStatus(Status.fromPartial({ code: 99, message: "?" })).code, Code.UNKNOWN);
});
