import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clipBytes } from "../../../../services/common/observe/clip.ts";

test("never longer than the limit, never half a character, nothing lost that fits", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), fc.nat(60), (text, limit) => {
      const clipped = clipBytes(text, limit);
      assert.ok(Buffer.byteLength(clipped) <= limit);
      assert.ok(text.startsWith(clipped));
      const next = Array.from(text.slice(clipped.length)).at(0);
      if (next !== undefined) assert.ok(Buffer.byteLength(clipped + next) > limit);
    }),
  );
});
