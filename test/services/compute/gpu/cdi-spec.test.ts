import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCdiSpec } from "../../../../services/compute/gpu/cdi-spec.ts";

const GOOD = `
cdiVersion: "0.6.0"
kind: example.com/gpu
devices:
  - name: "0"
    containerEdits:
      env: ["EXAMPLE=0"]
      deviceNodes: [{ path: /dev/example0, hostPath: /dev/null }]
  - name: "0:1"
    containerEdits: { env: ["EXAMPLE=1"] }
containerEdits: {}
`;

test("reads a spec in YAML, and the same in JSON", () => {
  const spec = { kind: "example.com/gpu", devices: ["0", "0:1"] };
  assert.deepEqual(parseCdiSpec(GOOD), spec);
  const json = JSON.stringify({
    cdiVersion: "0.6.0",
    kind: "example.com/gpu",
    devices: spec.devices.map((name) => ({ name, containerEdits: {} })),
  });
  assert.deepEqual(parseCdiSpec(json), spec);
});

test("a device name of digits alone need not be quoted", () => {
  assert.deepEqual(parseCdiSpec(GOOD.replace('name: "0"', "name: 0")).devices[0], "0");
});

const BAD: [string, string, RegExp][] = [
  ["not YAML", "{{{", /./],
  ["a list", "- a", /not a mapping/],
  ["no version", GOOD.replace(/cdiVersion.*/, ""), /cdiVersion/],
  ["a kind without vendor", GOOD.replace("example.com/gpu", "gpu"), /vendor\/class/],
  ["a field nobody knows", `${GOOD}extra: 1\n`, /extra is not a field/],
  ["a device field nobody knows", GOOD.replace('- name: "0"', '- name: "0"\n    more: 1'), /devices\[0\]\.more/],
  ["no devices", "cdiVersion: 0.6.0\nkind: a.com/gpu\ndevices: []\n", /devices/],
  ["a bad device name", GOOD.replace('"0:1"', '"a b"'), /devices\[1\]\.name/],
  ["a device twice", GOOD.replace('"0:1"', '"0"'), /twice/],
  ["a device without edits", GOOD.replace('containerEdits: { env: ["EXAMPLE=1"] }', ""), /containerEdits/],
  ["the same key twice", `${GOOD}kind: a.com/gpu\n`, /unique|duplicate/i],
  ["too many aliases", bomb(), /./],
];

/** Small text, large value. */
function bomb(): string {
  const levels = ["a: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 12; i += 1)
    levels.push(
      `b${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(", ")}]`,
    );
  return levels.join("\n");
}

for (const [what, text, why] of BAD) {
  test(`refuses ${what}`, () => {
    assert.throws(() => parseCdiSpec(text), why);
  });
}
