import assert from "node:assert/strict";
import { test } from "node:test";
import { status as Code } from "@grpc/grpc-js";
import { compareVersions, negotiateApiVersion } from "../../../../services/common/engine/api-version.ts";
import type { GantryError } from "../../../../services/common/errors/errors.ts";

test("parts of versions compare as numbers", () => {
  assert.ok(compareVersions("1.9", "1.41") < 0);
  assert.ok(compareVersions("1.50", "1.6") > 0);
  assert.equal(compareVersions("1.41", "1.41"), 0);
  assert.ok(compareVersions("2.0", "1.99") > 0);
});

const AGREED: [string, string, string | undefined, string][] = [
  ["an engine of the client's age", "1.51", "1.24", "1.51"],
  ["an older engine", "1.45", "1.24", "1.45"],
  ["a newer engine", "1.60", "1.44", "1.51"],
  ["an engine that names no lowest version", "1.41", undefined, "1.41"],
];

for (const [what, ApiVersion, min, agreed] of AGREED) {
  test(`agrees with ${what}`, () => {
    const engine = { Version: "x", ApiVersion, ...(min === undefined ? {} : { MinAPIVersion: min }) };
    assert.equal(negotiateApiVersion(engine), agreed);
  });
}

const REFUSED: [string, string, string][] = [
  ["is too old", "1.40", "1.12"],
  ["has left this client behind", "1.80", "1.60"],
];

for (const [what, ApiVersion, MinAPIVersion] of REFUSED) {
  test(`refuses an engine that ${what}`, () => {
    assert.throws(
      () => negotiateApiVersion({ Version: "x", ApiVersion, MinAPIVersion }),
      (error: GantryError) => error.code === Code.FAILED_PRECONDITION && error.reason === "ENGINE_API_VERSION",
    );
  });
}
