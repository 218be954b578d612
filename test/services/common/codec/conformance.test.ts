import assert from "node:assert/strict";
import { test } from "node:test";
import { GantryError } from "../../../../services/common/errors/errors.ts";
import { ACCEPTED } from "./accepted-json.ts";
import { EVERY, everyTypeCodec } from "./every-type.ts";
import { REFUSED } from "./refused-json.ts";

const codec = everyTypeCodec();

for (const [group, cases] of Object.entries(ACCEPTED)) {
  test(`accepted: ${group}`, () => {
    for (const [text, canonical = text.replaceAll(/(?<=[{,:[]) | (?=[:])/g, "")] of cases) {
      const bytes = codec.fromJsonText(EVERY, text);
      assert.equal(codec.toJsonText(EVERY, bytes), canonical, text);
      assert.deepEqual(codec.fromJsonText(EVERY, canonical), bytes, `reads back the same: ${text}`);
    }
  });
}

for (const [group, cases] of Object.entries(REFUSED)) {
  test(`refused: ${group}`, () => {
    for (const [text, field, description] of cases) {
      assert.throws(
        () => codec.fromJsonText(EVERY, text),
        (error) => {
          assert.ok(error instanceof GantryError, `${text}: ${String(error)}`);
          assert.equal(error.reason, "INVALID_ARGUMENT", text);
          const violation = error.violations.find((v) => v.field === field && description.test(v.description));
          assert.ok(violation, `${text}: ${JSON.stringify(error.violations)}`);
          return true;
        },
        text,
      );
    }
  });
}

test("the table has its size", () => {
  const count = [...Object.values(ACCEPTED), ...Object.values(REFUSED)].flat().length;
  assert.ok(count >= 150, `${count} cases`);
});
