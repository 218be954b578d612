import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  applyMergePatch,
  containsNull,
  createMergePatch,
  type Json,
  type JsonObject,
} from "../../../gateway/mirror/merge-patch.ts";

test("apply: the examples of RFC 7396, appendix A", () => {
  const table: [Json, Json, Json][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, result] of table) assert.deepEqual(applyMergePatch(target, patch), result);
});

const value = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom("a", "b", "c", "__proto__", "constructor"), fc.string()), tie("value"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
})).value;
const object = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "__proto__"), value, { noNullPrototype: true });

test("create: the patch makes the one of the other, whatever they are", () => {
  fc.assert(
    fc.property(object, object, (before, after) => {
      const [from, to] = JSON.parse(JSON.stringify([before, after])) as [JsonObject, JsonObject];
      const patch = JSON.parse(JSON.stringify(createMergePatch(from, to))) as Json;
      assert.equal(canonical(applyMergePatch(from, patch)), canonical(to));
    }),
    { numRuns: 2_000 },
  );
});

test("create: nothing is different, nothing is in the patch", () => {
  fc.assert(
    fc.property(object, (o) =>
      assert.deepEqual(Object.keys(createMergePatch(o as JsonObject, structuredClone(o as JsonObject))), []),
    ),
  );
});

test("containsNull finds it at any depth", () => {
  assert.equal(containsNull({ a: [{ b: { c: null } }] }), true);
  assert.equal(containsNull({ a: [{ b: { c: "null" } }] }), false);
});

function canonical(json: Json): string {
  if (typeof json !== "object" || json === null) return JSON.stringify(json);
  if (Array.isArray(json)) return `[${json.map(canonical).join()}]`;
  return `{${Object.keys(json)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(json[key]!)}`)
    .join()}}`;
}
