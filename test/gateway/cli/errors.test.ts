import assert from "node:assert/strict";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { connectionProblem } from "../../../gateway/cli/output/connection-error.ts";
import { errorText } from "../../../gateway/cli/output/error.ts";
import { suggestion } from "../../../gateway/cli/suggest.ts";
import { GantryError, invalidArgument, operationInProgress } from "../../../services/common/errors/errors.ts";

test("mistyped words are recognised, other words are not", () => {
  const known = ["instances", "instance", "hosts"];
  for (const [word, nearest] of [
    ["instanes", "instances"],
    ["isntance", "instance"],
    ["host", "hosts"],
    ["HOSTS", "hosts"],
  ] as const)
    assert.equal(suggestion(word, known), `; did you mean "${nearest}"?`, word);
  for (const word of ["pods", "", "x"]) assert.equal(suggestion(word, known), "", word);
});

test("connection errors are said in words", () => {
  const cases: [string, string | RegExp][] = [
    [
      "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ",
      "nothing answers at 127.0.0.1:1",
    ],
    ["connect ECONNREFUSED ::1:9600", "nothing answers at ::1:9600"],
    ["Name resolution failed for target dns:a.invalid:1", "the name in a.invalid:1 is not known to DNS"],
    ["getaddrinfo ENOTFOUND a.invalid", "the name in a.invalid is not known to DNS"],
    [
      "No connection established. Last error: Error: self-signed certificate. Resolution note: ",
      /^what answers .* \(self-signed certificate\)$/,
    ],
    ["compute does not answer", "compute does not answer"],
    ["", "the connection was lost"],
  ];
  for (const [message, wanted] of cases) {
    if (typeof wanted === "string") assert.equal(connectionProblem(message), wanted);
    else assert.match(connectionProblem(message), wanted);
  }
});

test("errors: fields with their options, hints, no control characters", () => {
  assert.equal(
    errorText(invalidArgument([{ field: "instance.spec.ports[3].port", description: "0 is not a port" }])),
    "instance.spec.ports[3].port (--publish): 0 is not a port",
  );
  for (const [field, option] of [
    ["cluster.spec.node_groups", " (--nodes, --control-planes, --workers)"],
    ["cluster.spec.node_groups[0].spec.memory_bytes", " (--memory)"],
    ["cluster.spec.node_groups[1].spec.mounts[0].host_path", ""],
    ['instance.meta.labels["a.b/c"]', " (--label)"],
  ] as const)
    assert.equal(errorText(invalidArgument([{ field, description: "x" }])), `${field}${option}: x`);
  const two = invalidArgument([
    { field: "instance.spec.placement.host", description: "a" },
    { field: "page_token", description: "b" },
  ]);
  assert.equal(
    errorText(two),
    "the request has bad fields:\n  instance.spec.placement.host (--host): a\n  page_token: b",
  );
  assert.match(
    errorText(operationInProgress("n", "operations/o")),
    /gantry wait operations\/o .*gantry cancel operations\/o/,
  );
  const nasty = new GantryError(Code.INTERNAL, "a\u001b[2Jb\r\nc", { reason: "X" });
  assert.equal(errorText(nasty), "a [2Jb \nc");
});
