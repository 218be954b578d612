import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { parseSelector } from "../../../../services/common/names/selector.ts";

const LABELS = { app: "web", tier: "front", empty: "", "example.com/zone": "eu-1" };

test("matching", () => {
  const cases: [string, boolean][] = [
    ["", true],
    ["  ", true],
    ["app", true],
    ["!app", false],
    ["nope", false],
    ["!nope", true],
    ["app=web", true],
    ["app==web", true],
    ["app = web , tier = front", true],
    ["app=db", false],
    ["app!=db", true],
    ["app!=web", false],
    ["nope!=x", true],
    ["empty=", true],
    ["empty", true],
    ["app=", false],
    ["app in (web,db)", true],
    ["app in(db, web)", true],
    ["app in (db)", false],
    ["nope in (a)", false],
    ["app notin (db)", true],
    ["app notin (web,db)", false],
    ["nope notin (a)", true],
    ["empty in (,a)", true],
    ["example.com/zone=eu-1,!gone,app", true],
    ["app=web,app=db", false],
    ["toString", false],
    ["!constructor", true],
    ["in=a", false],
    ["in in (a)", false],
  ];
  for (const [text, expected] of cases) assert.equal(parseSelector(text)(LABELS), expected, text);
});

test("canonical text", () => {
  const cases: [string, string][] = [
    ["b==2, a = 1", "a=1,b=2"],
    ["a in (z,y,z)", "a in (y,z)"],
    ["a in (x)", "a=x"],
    ["a notin (x)", "a!=x"],
    ["! a", "!a"],
    ["a=b,c==d,e!=f,g in (x,y),h notin (z),i,!j", "!j,a=b,c=d,e!=f,g in (x,y),h!=z,i"],
  ];
  for (const [text, expected] of cases) {
    const { canonical } = parseSelector(text);
    assert.equal(canonical, expected);
    assert.equal(parseSelector(canonical).canonical, expected);
  }
});

test("bad selectors", () => {
  const bad = [",", "a,", ",a", "a,,b", "=b", "a=b=c", "a b", "a in", "a in ()", "a in (b", "a in b", "a!", "!", "!!a"];
  for (const text of [
    ...bad,
    "a>5",
    "a=b c",
    "!a=b",
    "a==,b=!c",
    "(a)",
    "-a",
    "a=-b",
    "a in (b) c",
    "é",
    "x".repeat(1025),
  ]) {
    assert.throws(
      () => parseSelector(text, "selector"),
      (error) => error instanceof GantryError && error.violations[0]?.field === "selector",
      text,
    );
  }
});

test("any text parses or is refused, and what parses keeps its meaning in canonical form", () => {
  const text = fc.array(fc.constantFrom("a", "b", "in", "notin", "=", "==", "!=", "!", "(", ")", ",", " ", "x/y", "é"));
  const labels = fc.dictionary(fc.constantFrom("a", "b", "in", "x/y"), fc.constantFrom("a", "b", "in", ""));
  fc.assert(
    fc.property(text, labels, (parts, values) => {
      const source = parts.join("");
      let selector: ReturnType<typeof parseSelector>;
      try {
        selector = parseSelector(source);
      } catch (error) {
        assert.ok(error instanceof GantryError);
        return;
      }
      assert.equal(parseSelector(selector.canonical)(values), selector(values));
    }),
    { numRuns: 2000 },
  );
});
