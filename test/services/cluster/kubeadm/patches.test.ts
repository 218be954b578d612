import assert from "node:assert/strict";
import { test } from "node:test";
import { applyJsonPatch, parseJsonPatch } from "../../../../services/cluster/kubeadm/json-patch.ts";
import { jsonPatchProblem, mergePatchProblem, patchDocuments } from "../../../../services/cluster/kubeadm/patches.ts";
import type { Document } from "../../../../services/cluster/kubeadm/documents.ts";

const OLD: Document = { apiVersion: "kubeadm.k8s.io/v1beta3", kind: "ClusterConfiguration", a: { b: [1, 2], c: "d" } };

function merged(document: Document, patch: string): unknown {
  return patchDocuments([document], { merge: [patch], json: [] })[0];
}

test("merge patches: maps are merged, lists replaced, null removes", () => {
  assert.deepEqual(merged(OLD, "kind: ClusterConfiguration\na: {b: [3], c: null, e: {f: 1}}\n"), {
    ...OLD,
    a: { b: [3], e: { f: 1 } },
  });
  assert.deepEqual(merged(OLD, "kind: Other\na: 1\n"), OLD);
  assert.deepEqual(merged(OLD, "apiVersion: kubeadm.k8s.io\nkind: ClusterConfiguration\nx: 1\n"), { ...OLD, x: 1 });
  assert.deepEqual(OLD["a"], { b: [1, 2], c: "d" });
});

test("flags can be written as a map or as a list, whatever the version has", () => {
  const old = { ...OLD, extraArgs: { v: "1", keep: "x" } };
  assert.deepEqual(merged(old, 'kind: ClusterConfiguration\nextraArgs: [{name: v, value: "2"}, {name: keep}]\n'), {
    ...OLD,
    extraArgs: { v: "2" },
  });
  const recent = { ...OLD, apiVersion: "kubeadm.k8s.io/v1beta4", extraArgs: [{ name: "v", value: "1" }] };
  assert.deepEqual(merged(recent, 'kind: ClusterConfiguration\nextraArgs: {v: "2", more: "3"}\n'), {
    ...recent,
    extraArgs: [
      { name: "v", value: "2" },
      { name: "more", value: "3" },
    ],
  });
});

test("names that programs trip over are names like any other", () => {
  const patched = merged(
    OLD,
    'kind: ClusterConfiguration\n"__proto__": {polluted: true}\nconstructor: {prototype: {polluted: true}}\n',
  );
  assert.ok(Object.hasOwn(patched as object, "__proto__"));
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  const added = applyJsonPatch({}, [{ op: "add", path: "/__proto__", value: { polluted: true } }]);
  assert.ok(Object.hasOwn(added as object, "__proto__"));
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.throws(() => applyJsonPatch({}, [{ op: "add", path: "/constructor/prototype/polluted", value: 1 }]));
});

/** From RFC 6902, appendix A, shortened. */
const OPERATIONS: [document: unknown, patch: string, expected: unknown][] = [
  [{ foo: "bar" }, '[{"op":"add","path":"/baz","value":"qux"}]', { foo: "bar", baz: "qux" }],
  [{ foo: ["bar", "baz"] }, '[{"op":"add","path":"/foo/1","value":"qux"}]', { foo: ["bar", "qux", "baz"] }],
  [{ foo: ["bar"] }, '[{"op":"add","path":"/foo/-","value":["abc"]}]', { foo: ["bar", ["abc"]] }],
  [{ foo: ["bar", "qux", "baz"] }, '[{"op":"remove","path":"/foo/1"}]', { foo: ["bar", "baz"] }],
  [{ baz: "qux", foo: "bar" }, '[{"op":"replace","path":"/baz","value":"boo"}]', { baz: "boo", foo: "bar" }],
  [
    { foo: { bar: "baz", waldo: "fred" }, qux: {} },
    '[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]',
    { foo: { bar: "baz" }, qux: { thud: "fred" } },
  ],
  [
    { foo: ["all", "grass", "cows", "eat"] },
    '[{"op":"move","from":"/foo/1","path":"/foo/3"}]',
    { foo: ["all", "cows", "eat", "grass"] },
  ],
  [{ a: { b: 1 } }, '[{"op":"copy","from":"/a","path":"/c"}]', { a: { b: 1 }, c: { b: 1 } }],
  [{ baz: "qux" }, '[{"op":"test","path":"/baz","value":"qux"}]', { baz: "qux" }],
  [{ "/": 9, "~1": 10 }, '[{"op":"test","path":"/~01","value":10},{"op":"remove","path":"/~1"}]', { "~1": 10 }],
  [{ a: 1 }, '[{"op":"replace","path":"","value":{"b":2}}]', { b: 2 }],
  // YAML serves as well.
  [{ a: 1 }, "- op: remove\n  path: /a\n", {}],
];

test("RFC 6902", () => {
  for (const [document, patch, expected] of OPERATIONS) {
    const before = structuredClone(document);
    assert.deepEqual(applyJsonPatch(document, parseJsonPatch(patch)), expected, patch);
    assert.deepEqual(document, before);
  }
});

test("operations that do not fit say which and why", () => {
  for (const [patch, message] of [
    ['[{"op":"test","path":"/a","value":2}]', "patch operation 0 (test /a): the value there is another"],
    ['[{"op":"remove","path":"/x"}]', "patch operation 0 (remove /x): there is no x"],
    ['[{"op":"add","path":"/x/y","value":1}]', "patch operation 0 (add /x/y): there is no x"],
    ['[{"op":"add","path":"/l/3","value":1}]', "patch operation 0 (add /l/3): there is no position 3"],
    ['[{"op":"remove","path":"/l/-"}]', "patch operation 0 (remove /l/-): there is no position -"],
    ['[{"op":"add","path":"/a/b","value":1}]', "patch operation 0 (add /a/b): what it is in holds no members"],
    ['[{"op":"move","from":"/l","path":"/l/0"}]', "patch operation 0 (move /l/0): it cannot be moved into itself"],
  ]) {
    assert.throws(() => applyJsonPatch({ a: 1, l: [0] }, parseJsonPatch(patch!)), { message: message! });
  }
  const doubling = [...Array(60).keys()].map((i) => ({ op: "copy" as const, from: "", path: `/c${i}` }));
  assert.throws(() => applyJsonPatch({ a: "b".repeat(1000) }, doubling), /the patch copies too much$/);
});

test("patches that are none are told apart before anything runs", () => {
  for (const [text, problem] of [
    ["", "holds no document"],
    ["- a\n", "is not a YAML mapping"],
    ["a: 1\n", "names no kind"],
    ["kind: X\napiVersion: 1\n", "apiVersion is not a string"],
    ["kind: X\nkind: Y\n", "is not YAML: Map keys must be unique at line 2, column 1:"],
  ]) {
    assert.equal(mergePatchProblem(text!), problem);
  }
  assert.equal(mergePatchProblem("kind: KubeletConfiguration\nmaxPods: 1\n"), "");
  const bomb = `kind: X\na: &a [x, x, x, x, x, x, x, x, x]\n${"bcdefgh".replaceAll(/./g, (letter) => {
    const previous = String.fromCodePoint(letter.codePointAt(0)! - 1);
    return `${letter}: &${letter} [*${previous}, *${previous}, *${previous}, *${previous}, *${previous}, *${previous}]\n`;
  })}`;
  assert.match(mergePatchProblem(bomb), /^is not YAML that can be taken: Excessive alias count/);
  assert.match(mergePatchProblem(`kind: X\na: ${"[".repeat(60_000)}`), /^is not YAML/);

  for (const [text, problem] of [
    ["a: 1", "is not one list of operations"],
    ["[1]", "[0] is no operation"],
    [
      '[{"op":"frob","path":""},{"op":"add","path":"x"},{"op":"move","path":"/a"}]',
      "[0] op must be one of add, remove, replace, move, copy, test; [1] path must be a JSON pointer; [1] value is missing; [2] from must be a JSON pointer",
    ],
  ]) {
    assert.equal(jsonPatchProblem(text!), problem);
  }
  assert.equal(jsonPatchProblem("[]"), "");
});

test("a patch may not make another document of one", () => {
  const json = [
    {
      group: "",
      version: "",
      kind: "ClusterConfiguration",
      patch: '[{"op":"replace","path":"/kind","value":"Other"}]',
    },
  ];
  assert.throws(
    () => patchDocuments([OLD], { merge: [], json }),
    /a patch of ClusterConfiguration makes another kind or version of it/,
  );
});
