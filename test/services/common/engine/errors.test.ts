import assert from "node:assert/strict";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { engineAnswerError, isSubnetOverlap } from "../../../../services/common/engine/errors.ts";

test("answers of an engine that is busy with what came before are worth another try", () => {
  const passing: [number, string][] = [
    [409, "removal of container b629b10acbad is already in progress"],
    [500, "failed to create task for container: mkdir /run/containerd/moby/d1f1a0b3: file exists"],
    [500, "failed to create task for container: AlreadyExists: task 3b7f34dfb049: already exists"],
    [503, ""],
  ];
  for (const [status, detail] of passing) {
    const error = engineAnswerError(status, "POST /x", detail);
    assert.equal(error.code, Code.UNAVAILABLE, detail);
    assert.equal(error.reason, "ENGINE_BUSY", detail);
  }
  const final: [number, string, Code][] = [
    [409, 'Conflict. The container name "/a" is already in use', Code.ALREADY_EXISTS],
    [409, "container is paused", Code.FAILED_PRECONDITION],
    [500, "failed to create task for container: exec: /x: no such file or directory", Code.INTERNAL],
  ];
  for (const [status, detail, code] of final)
    assert.equal(engineAnswerError(status, "POST /x", detail).code, code, detail);
});

test("a subnet that another network has is told, whatever code the engine says it with", () => {
  const overlap = "Pool overlaps with other one on this address space";
  for (const status of [400, 403, 500])
    assert.ok(isSubnetOverlap(engineAnswerError(status, "POST /networks/create", overlap)), String(status));
  assert.ok(!isSubnetOverlap(engineAnswerError(409, "POST /networks/create", overlap)));
  assert.ok(!isSubnetOverlap(engineAnswerError(500, "POST /networks/create", "no space left on device")));
  assert.ok(!isSubnetOverlap(new Error(overlap)));
});
