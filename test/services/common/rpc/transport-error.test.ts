import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata, status as Code } from "@grpc/grpc-js";
import { failedPrecondition } from "../../../../services/common/errors/errors.ts";
import { toStatus } from "../../../../services/common/errors/status.ts";
import { fromTransport } from "../../../../services/common/rpc/transport-error.ts";

const ADDRESS = /\d+\.\d+\.\d+\.\d+|LB pick/;

test("what gRPC says of a connection is told in words that name no address", () => {
  const told: [code: Code, details: string, reason: string][] = [
    [Code.UNAVAILABLE, "No connection established. Last error: connect ECONNREFUSED 127.0.0.1:19611", "SERVICE_DOWN"],
    [
      Code.DEADLINE_EXCEEDED,
      "Deadline exceeded after 0.1s,LB pick: 0.001s,remote_addr=127.0.0.1:19611",
      "DEADLINE_EXCEEDED",
    ],
    [Code.CANCELLED, "Call cancelled", "CANCELLED"],
    [Code.INTERNAL, "Received RST_STREAM with code 2 triggered by read ECONNRESET 10.0.0.1:9", "CONNECTION_FAILED"],
  ];
  for (const [code, details, reason] of told) {
    const error = fromTransport("compute", { code, details, metadata: new Metadata() })!;
    assert.equal(error.code, code);
    assert.equal(error.reason, reason);
    assert.doesNotMatch(error.message, ADDRESS);
  }
});

test("what the service itself said, and what its server said of a method, is left as it is", () => {
  const own = toStatus(failedPrecondition("NOT_RUNNING", "it does not run"), () => undefined);
  assert.equal(fromTransport("compute", own), undefined);
  const unavailable = toStatus(
    Object.assign(failedPrecondition("DRAINING", "it stops"), { code: Code.UNAVAILABLE }),
    () => undefined,
  );
  assert.equal(fromTransport("compute", unavailable), undefined);
  const metadata = new Metadata();
  assert.equal(fromTransport("compute", { code: Code.UNIMPLEMENTED, details: "no method /x", metadata }), undefined);
});
