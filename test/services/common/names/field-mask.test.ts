import assert from "node:assert/strict";
import { test } from "node:test";
import { Project } from "../../../../proto/gen/gantry/compute/v1/project.ts";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { checkEtag } from "../../../../services/common/names/etag.ts";
import { applyMask } from "../../../../services/common/names/field-mask.ts";
import { coercePageSize } from "../../../../services/common/names/page-size.ts";
import { VIOLATIONS_LENGTH_MAX, VIOLATIONS_MAX, Violations } from "../../../../services/common/names/violations.ts";

const allowed = ["meta.labels", "meta.annotations", "spec.display_name", "spec.instances_max"];
const blank = Project.fromPartial({ meta: {}, spec: {} });

function stored(): Project {
  return Project.fromPartial({
    meta: { name: "projects/a", uid: "u", labels: { a: "1", b: "2" } },
    spec: { displayName: "old", instancesMax: 5 },
  });
}

test("masked fields are copied, maps replaced, the rest left", () => {
  const to = stored();
  const from = Project.fromPartial({
    meta: { uid: "evil", labels: { c: "3" } },
    spec: { displayName: "new", instancesMax: 9 },
  });
  const paths = applyMask({ mask: ["meta.labels", "spec.display_name"], allowed, from, to, blank });
  assert.deepEqual(paths, ["meta.labels", "spec.display_name"]);
  assert.deepEqual(to.meta?.labels, { c: "3" });
  assert.equal(to.meta?.uid, "u");
  assert.deepEqual([to.spec?.displayName, to.spec?.instancesMax], ["new", 5]);
  from.meta!.labels["d"] = "4";
  assert.deepEqual(to.meta?.labels, { c: "3" }, "a copy, not shared");
});

test("a masked field that is not set is reset, even when its parent is missing", () => {
  const to = stored();
  applyMask({ mask: ["spec.display_name", "meta.labels"], allowed, from: Project.fromPartial({}), to, blank });
  assert.equal(to.spec?.displayName, "");
  assert.equal(to.spec?.instancesMax, 5);
  assert.deepEqual(to.meta?.labels, {});
});

test("an empty mask means all fields that are set", () => {
  const to = stored();
  const from = Project.fromPartial({ meta: { name: "projects/a" }, spec: { instancesMax: 7 } });
  assert.deepEqual(applyMask({ mask: undefined, allowed, from, to, blank }), ["spec.instances_max"]);
  assert.deepEqual([to.spec?.displayName, to.spec?.instancesMax], ["old", 7]);
  assert.deepEqual(to.meta?.labels, { a: "1", b: "2" });
});

test("* replaces everything that may change", () => {
  const to = stored();
  assert.deepEqual(applyMask({ mask: ["*"], allowed, from: Project.fromPartial({}), to, blank }), allowed);
  assert.deepEqual([to.spec?.displayName, to.spec?.instancesMax], ["", 0]);
  assert.equal(to.meta?.uid, "u");
});

test("the stored resource gets a missing parent", () => {
  const to = Project.fromPartial({ meta: { name: "projects/a" } });
  applyMask({
    mask: ["spec.display_name"],
    allowed,
    from: Project.fromPartial({ spec: { displayName: "n" } }),
    to,
    blank,
  });
  assert.equal(to.spec?.displayName, "n");
  assert.equal(blank.spec?.displayName, "", "the blank is not changed");
});

test("every path that is not allowed is reported and nothing is applied", () => {
  const to = stored();
  const mask = ["meta.uid", "spec.display_name", "spec.displayName", "__proto__.x", "spec"];
  assert.throws(
    () => applyMask({ mask, allowed, from: Project.fromPartial({ spec: { displayName: "n" } }), to, blank }),
    (error) => error instanceof GantryError && error.violations.length === 4,
  );
  assert.equal(to.spec?.displayName, "old");
});

test("etags", () => {
  checkEtag("n", "", "x");
  checkEtag("n", "x", "x");
  assert.throws(() => checkEtag("n", "y", "x"), { reason: "ETAG_MISMATCH" });
});

test("page sizes", () => {
  assert.deepEqual(
    [0, 1, 1000, 1001, 2 ** 31 - 1].map((size) => coercePageSize(size)),
    [100, 1, 1000, 1000, 1000],
  );
  assert.throws(() => coercePageSize(-1), GantryError);
  const violations = new Violations();
  coercePageSize(-1, violations);
  assert.deepEqual(violations.list, [{ field: "page_size", description: "-1 is negative" }]);
});

test("violations", () => {
  const violations = new Violations();
  violations.throwIfAny();
  for (let index = 0; index < VIOLATIONS_MAX + 5; index++) violations.add(`f${index}`, "bad");
  assert.throws(
    () => violations.throwIfAny(),
    (error) =>
      error instanceof GantryError &&
      error.violations.length === VIOLATIONS_MAX + 1 &&
      error.violations.at(-1)?.description === "5 more bad fields are not listed",
  );
});

test("violations are limited in length too, but the first is always told", () => {
  const violations = new Violations().add("a", "x".repeat(VIOLATIONS_LENGTH_MAX)).add("b", "y");
  assert.deepEqual(
    violations.list.map((v) => v.field),
    ["a"],
  );
  assert.throws(
    () => violations.throwIfAny(),
    (error) => error instanceof GantryError && error.violations[1]?.description === "1 more bad fields are not listed",
  );
});
