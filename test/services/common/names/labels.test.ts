import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAnnotations, checkLabels } from "../../../../services/common/names/labels.ts";

function many(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));
}

test("good labels", () => {
  const good = {
    app: "web",
    "app.kubernetes.io/name": "My_App.v1",
    "example.com/a": "",
    A: "1",
    [`${"p".repeat(63)}.example/${"n".repeat(63)}`]: "v".repeat(63),
  };
  assert.deepEqual(checkLabels("meta.labels", good), []);
  assert.deepEqual(checkLabels("meta.labels", many(64)), []);
});

test("every bad label is reported with its path", () => {
  const cases: [string, string, RegExp][] = [
    ["", "v", /empty/],
    ["a/", "v", /empty/],
    ["/a", "v", /DNS/],
    ["A.com/a", "v", /DNS/],
    ["a..b/c", "v", /DNS/],
    ["a/b/c", "v", /letters/],
    ["-a", "v", /letters/],
    ["a b", "v", /letters/],
    ["n".repeat(64), "v", /63/],
    [`${"p".repeat(254)}/a`, "v", /253/],
    ["gantry.dev/name", "v", /reserved/],
    ["ok1", "a b", /value/],
    ["ok2", "-", /value/],
    ["ok3", "v".repeat(64), /63/],
    ["ok4", "é", /value/],
  ];
  for (const [key, value, expected] of cases) {
    const [violation, ...more] = checkLabels("meta.labels", { [key]: value });
    assert.ok(violation, JSON.stringify(key));
    assert.match(violation.description, expected);
    assert.match(violation.field, /^meta\.labels\["/);
    assert.equal(more.length, 0);
  }
  assert.equal(checkLabels("l", Object.fromEntries(cases.map(([key, value]) => [key, value]))).length, cases.length);
});

test("limits on number and size", () => {
  assert.match(checkLabels("l", many(65))[0]?.description ?? "", /65 labels; at most 64/);
  assert.deepEqual(checkAnnotations("a", { "example.com/note": "any text: é\n" }), []);
  assert.deepEqual(checkAnnotations("a", { a: "x".repeat(64 * 1024 - 1) }), []);
  assert.match(checkAnnotations("a", { a: "x".repeat(64 * 1024) })[0]?.description ?? "", /65537 bytes/);
  assert.match(checkAnnotations("a", { "gantry.dev/x": "" })[0]?.description ?? "", /reserved/);
  assert.match(checkAnnotations("a", many(65))[0]?.description ?? "", /at most 64/);
});
